package eval

import (
	"fmt"
	"math"
)

// Summarize returns the mean score of results.
func Summarize(results []Result) Mean {
	sum := 0.0
	for _, r := range results {
		sum += r.Score
	}
	return binomial(sum/float64(len(results)), len(results))
}

// Pairing compares two configurations on the same samples.
type Pairing struct {
	A, B   Mean
	Delta  Delta // of B's scores over A's
	Better int   // samples that B answered better than A
	Worse  int

	// P is the probability of a difference in wins as large or larger if both
	// were as good as each other: the exact two-sided sign test, which for scores
	// of 0 and 1 is McNemar's.
	P float64
}

// Pair compares results of the same samples in the same order.
func Pair(a, b []Result) (Pairing, error) {
	if len(a) != len(b) {
		return Pairing{}, fmt.Errorf("eval: got %d and %d results, want those of the same samples", len(a), len(b))
	}
	p := Pairing{A: Summarize(a), B: Summarize(b)}
	diff := make([]float64, len(a))
	for i := range a {
		if x, y := a[i].Sample, b[i].Sample; x.Text != y.Text || x.Question != y.Question {
			return Pairing{}, fmt.Errorf("eval: results %d are of different samples", i)
		}
		diff[i] = b[i].Score - a[i].Score
		switch {
		case diff[i] > 0:
			p.Better++
		case diff[i] < 0:
			p.Worse++
		}
	}
	p.Delta, p.P = delta(diff), signTest(p.Better, p.Worse)
	return p, nil
}

// signTest returns the two-sided probability of a split at least as uneven.
func signTest(a, b int) float64 {
	n := a + b
	tail := 0.0
	for k := range min(a, b) + 1 {
		lost, _ := math.Lgamma(float64(n - k + 1))
		won, _ := math.Lgamma(float64(k + 1))
		all, _ := math.Lgamma(float64(n + 1))
		tail += math.Exp(all - won - lost - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}
