package sample_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/sample"
)

// reference is the definition of the package written plainly: it counts, sorts everything and uses math.Exp. It returns
// the probability of each token; nil where there is none to choose.
func reference(logits []float32, o sample.Options, accepted []int32) []float64 {
	l := append([]float32(nil), logits...)
	if o.Mask != nil {
		o.Mask(l)
	}
	for id, b := range o.Bias {
		l[id] += b
	}
	switch {
	case o.PenaltyWindow == 0:
		accepted = accepted[max(0, len(accepted)-64):]
	case o.PenaltyWindow > 0:
		accepted = accepted[max(0, len(accepted)-o.PenaltyWindow):]
	}
	counts := map[int32]int{}
	for _, id := range accepted {
		counts[id]++
	}
	for id, n := range counts {
		if o.RepeatPenalty != 0 {
			if l[id] > 0 {
				l[id] /= o.RepeatPenalty
			} else {
				l[id] = float32(l[id] * o.RepeatPenalty)
			}
		}
		l[id] -= float32(float32(n)*o.FrequencyPenalty) + o.PresencePenalty
	}

	var order []int
	for id, x := range l {
		if !math.IsNaN(float64(x)) && !math.IsInf(float64(x), -1) {
			order = append(order, id)
		}
	}
	if len(order) == 0 {
		return nil
	}
	sort.SliceStable(order, func(a, b int) bool { return l[order[a]] > l[order[b]] })
	top := l[order[0]]
	exp := func(id int, t float64) float64 {
		if l[id] == top {
			return 1
		}
		return math.Exp((float64(l[id]) - float64(top)) / t)
	}

	p := make([]float64, len(l))
	if o.Temperature == 0 {
		p[order[0]] = 1
		return p
	}
	if o.TopK > 0 && o.TopK < len(order) {
		order = order[:o.TopK]
	}
	if o.TopP > 0 && o.TopP < 1 {
		var z, acc float64
		for _, id := range order {
			z += exp(id, 1)
		}
		for n, id := range order {
			if acc += exp(id, 1); acc >= float64(o.TopP)*z {
				order = order[:n+1]
				break
			}
		}
	}
	var z float64
	for _, id := range order {
		if exp(id, 1) >= float64(o.MinP) {
			p[id] = exp(id, float64(o.Temperature))
			z += p[id]
		}
	}
	for id := range p {
		p[id] /= z
	}
	return p
}

// quantile returns the first token at which the cumulative probability exceeds u.
func quantile(p []float64, u float64) int32 {
	var acc float64
	last := int32(-1)
	for id, x := range p {
		if x > 0 {
			last = int32(id)
		}
		if acc += x; acc > u {
			break
		}
	}
	return last
}

// someLogits returns n logits of one of several shapes; the odd ones are full of ties, NaN and infinities.
func someLogits(r *rand.Rand, n int, shape string) []float32 {
	l := make([]float32, n)
	for i := range l {
		switch x := r.NormFloat64(); shape {
		case "flat":
			l[i] = float32(x) / 4
		case "peaked":
			l[i] = float32(6 * x)
		case "ties":
			l[i] = float32(math.Round(x))
		case "odd":
			l[i] = []float32{nan, inf, -inf, 0, negativeZero, math.MaxFloat32, -math.MaxFloat32, float32(x)}[r.IntN(8)]
			if l[i] == inf && r.IntN(2) == 0 {
				l[i] = 1
			}
		}
	}
	return l
}

var (
	nan          = float32(math.NaN())
	inf          = float32(math.Inf(1))
	negativeZero = float32(math.Copysign(0, -1))
)

func TestSamplerMatchesReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	oneOf := func(x ...float32) float32 { return x[r.IntN(len(x))] }
	for _, shape := range []string{"flat", "peaked", "ties", "odd"} {
		for trial := range 3000 {
			n := []int{1, 2, 3, 17, 100, 700}[r.IntN(6)]
			o := sample.Options{
				Temperature:   oneOf(0, 0.3, 0.7, 1, 1, 1.5, 30),
				TopK:          []int{0, 0, 1, 2, 5, 40, n - 1, n, n + 9}[r.IntN(9)],
				TopP:          oneOf(0, 0, 1e-6, 0.3, 0.5, 0.9, 0.95, 0.999999, 1),
				MinP:          oneOf(0, 0, 0.01, 0.1, 0.5, 1),
				RepeatPenalty: oneOf(0, 1, 0.8, 1.1, 2),
				PenaltyWindow: []int{0, 1, 7, -1}[r.IntN(4)],
				Seed:          r.Uint64(),
			}
			if r.IntN(2) == 0 {
				o.PresencePenalty, o.FrequencyPenalty = oneOf(0, 0.5, 1), oneOf(0, 0.3, 1)
			}
			if r.IntN(3) == 0 {
				o.Bias = map[int32]float32{int32(r.IntN(n)): oneOf(-inf, -3, 0, 3, inf), int32(r.IntN(n)): 1}
			}
			if r.IntN(3) == 0 {
				o.Mask = func(l []float32) {
					for i := 0; i < len(l); i += 3 {
						l[i] = -inf
					}
				}
			}
			s, err := sample.New(o)
			require.NoError(t, err)
			var accepted []int32
			stream := rand.New(rand.NewPCG(o.Seed, 0))
			for step := range 4 {
				what := fmt.Sprintf("%s, trial %d, step %d, vocab %d: %+v", shape, trial, step, n, o)
				for range r.IntN(60) {
					id := int32(r.IntN(n))
					s.Accept(id)
					accepted = append(accepted, id)
				}
				logits := someLogits(r, n, shape)
				got, err := s.Next(logits)
				p := reference(logits, o, accepted)
				if p == nil {
					require.ErrorIs(t, err, sample.ErrNoToken, what)
					require.EqualValues(t, -1, got, what)
					continue
				}
				require.NoError(t, err, what)
				u := 0.0
				if o.Temperature > 0 {
					u = stream.Float64()
				}
				require.Equal(t, quantile(p, u), got, what)
			}
		}
	}
}

func TestFrequenciesFollowProbabilities(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	logits := someLogits(r, 60, "flat")
	for name, o := range map[string]sample.Options{
		"temperature": {Temperature: 0.4, Seed: 11},
		"filters":     {Temperature: 1.3, TopK: 50, TopP: 0.9, MinP: 0.4, Seed: 12},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sample.New(o)
			require.NoError(t, err)
			const draws = 100_000
			counts := make([]float64, len(logits))
			for range draws {
				id, err := s.Next(logits)
				require.NoError(t, err)
				counts[id]++
			}
			chi2, kinds := 0.0, 0.0
			for id, p := range reference(logits, o, nil) {
				if p == 0 {
					require.Zero(t, counts[id], "token %d is filtered out", id)
					continue
				}
				d := counts[id] - draws*p
				chi2 += d * d / (draws * p)
				kinds++
			}
			require.Greater(t, kinds, 10.0)
			// Wilson and Hilferty: the cube root of χ²/df is nearly normal; three standard deviations either way.
			df := kinds - 1
			z := (math.Cbrt(chi2/df) - (1 - 2/(9*df))) / math.Sqrt(2/(9*df))
			assert.Less(t, math.Abs(z), 3.0, "chi-square %v at %v degrees of freedom", chi2, df)
		})
	}
}

// Neighbouring seeds must not give neighbouring first draws.
func TestSeedsAreUnrelated(t *testing.T) {
	const bins, seeds = 16, 16000
	counts := make([]float64, bins*bins)
	logits := make([]float32, bins)
	var before int32
	for seed := range uint64(seeds) {
		s, err := sample.New(sample.Options{Temperature: 1, Seed: seed})
		require.NoError(t, err)
		id, err := s.Next(logits)
		require.NoError(t, err)
		counts[before*bins+id]++
		before = id
	}
	chi2, want := 0.0, float64(seeds)/(bins*bins)
	for _, c := range counts {
		chi2 += (c - want) * (c - want) / want
	}
	assert.InDelta(t, 255, chi2, 4*math.Sqrt(2*255), "pairs of first tokens of seeds n, n+1")
}
