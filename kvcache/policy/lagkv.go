package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// LagKV compresses at the end of each prompt by the keys and values alone
// (Liang et al. 2025, arXiv 2504.04704; code NVIDIA kvpress). After the first
// Sink rows a head is cut into partitions of Lag rows, each seen from the one
// after it: channels are scaled so that those of the next partition range from
// 0 to 1, and a row's score is the standard deviation over its channels, of
// keys and of values, each through a softmax over the partition, averaged. The
// last whole partition and what remains after it stay, having nothing to be
// seen from. What is generated afterwards is kept until the next prompt ends.
//
// Rows compete by their ranks in their partition, so that each gives up as
// many as another. A channel that does not vary in the next partition counts
// as 0, where the original divides by zero. The original keeps a share of each
// partition; here the budget is exact, and of equal ranks the lower position
// stays. Keys and values count as the cache's format holds them.
type LagKV struct {
	Budget int  // rows that survive; 0: 1024
	Sink   int  // 0: 4; negative: none
	Lag    int  // 0: 128, or a quarter of a small budget
	Cross  bool // rows compete by their scores, across partitions
}

const defaultLag = 128

func (p LagKV) filled() LagKV {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	if p.Sink == 0 {
		p.Sink = min(defaultSink, p.Budget-1)
	}
	p.Sink = max(0, p.Sink)
	if p.Lag == 0 {
		p.Lag = max(1, min(defaultLag, (p.Budget-p.Sink)/4))
	}
	return p
}

// Check refuses sizes that cannot be, such as a Lag of which almost two, the
// most that may stay at the end, do not fit the budget.
func (p LagKV) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	switch {
	case p.Budget < 1:
		return fmt.Errorf("policy: LagKV: got Budget %d, want at least 1", p.Budget)
	case p.Lag < 1 || p.Lag > p.Budget || p.Sink > p.Budget-2*p.Lag+1:
		return fmt.Errorf("policy: LagKV: got Sink %d and Lag %d, want a Lag of at least 1 and Sink + 2·Lag − 1 rows within the budget of %d", p.Sink, p.Lag, p.Budget)
	}
	return nil
}

// Show shows everything and watches nothing.
func (LagKV) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan { return kvcache.Plan{} }

// Keep selects once the prompt is whole.
func (p LagKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns how the rows before the last partition vary, and how many of
// them the budget has room for.
func (p LagKV) Rank(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) ([][]float32, []int) {
	if !s.Prompt || s.Rest > 0 {
		return nil, nil
	}
	p = p.filled()
	score, keep := make([][]float32, len(l.Heads)), make([]int, len(l.Heads))
	for h := range score {
		rows := l.Heads[h].Len()
		past := min(rows, p.Sink+max(0, (rows-p.Sink)/p.Lag-1)*p.Lag)
		score[h], keep[h] = l.Floats(past), p.Budget-(rows-past)
		p.score(score[h], l, &l.Heads[h])
		protect(score[h], p.Sink)
	}
	return score, keep
}

// score writes the scores of a head's rows after the sinks.
func (p LagKV) score(score []float32, l *kvcache.Layer, hd *kvcache.Head) {
	if len(score) <= p.Sink {
		return
	}
	size := p.Lag * hd.Dim()
	k, v, nextK, nextV := l.Floats(size), l.Floats(size), l.Floats(size), l.Floats(size)
	hd.Rows(k, v, p.Sink, p.Sink+p.Lag)
	for lo := p.Sink; lo < len(score); lo += p.Lag {
		hd.Rows(nextK, nextV, lo+p.Lag, lo+2*p.Lag)
		own := score[lo:][:p.Lag]
		clear(own)
		addSpread(own, k, nextK)
		addSpread(own, v, nextV)
		if !p.Cross {
			rank(own)
		}
		k, v, nextK, nextV = nextK, nextV, k, v
	}
}

// addSpread adds to the scores of the rows x half the softmax of their standard
// deviations over channels that are scaled by those of next.
func addSpread(score, x, next []float32) {
	dim := len(x) / len(score)
	low, width := ranges(next, dim)
	spread, y := make([]float64, len(score)), make([]float64, dim)
	for j := range spread {
		mean := 0.0
		for d := range y {
			if y[d] = 0; width[d] > 0 {
				y[d] = (float64(x[j*dim+d]) - low[d]) / width[d]
			}
			mean += y[d] / float64(dim)
		}
		for _, v := range y {
			spread[j] += (v - mean) * (v - mean)
		}
		spread[j] = math.Sqrt(spread[j] / float64(max(1, dim-1)))
	}
	most, sum := slices.Max(spread), 0.0
	for j := range spread {
		spread[j] = math.Exp(spread[j] - most)
		sum += spread[j]
	}
	for j := range score {
		score[j] += float32(spread[j] / sum / 2)
	}
}

// ranges returns the least value of each channel of x and how far its values
// lie apart.
func ranges(x []float32, dim int) (low, width []float64) {
	low, width = make([]float64, dim), make([]float64, dim)
	for d := range dim {
		least, most := x[d], x[d]
		for j := d; j < len(x); j += dim {
			least, most = min(least, x[j]), max(most, x[j])
		}
		low[d], width[d] = float64(least), float64(most)-float64(least)
	}
	return low, width
}

// rank replaces scores by their ranks, from 0 to almost 1; of equal ones the
// first ranks highest.
func rank(score []float32) {
	slots := span(make([]int32, 0, len(score)), 0, len(score))
	slices.SortFunc(slots, func(a, b int32) int {
		return cmp.Or(cmp.Compare(order(score[a]), order(score[b])), cmp.Compare(b, a))
	})
	for i, j := range slots {
		score[j] = float32(i) / float32(len(slots))
	}
}
