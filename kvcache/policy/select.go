package policy

import (
	"cmp"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// Scorer is a policy that ranks rows. PyramidKV and AdaKV divide the budget of
// another's ranking differently, between layers and between heads. A Scorer
// that is a kvcache.Checker is asked too.
type Scorer interface {
	kvcache.Policy
	// Rank is asked where Keep would be. It returns a score for the rows of
	// each head but the last ones, which stay, and how many of those scored
	// stay in each head; nil when nothing is to be dropped. The scores are the
	// caller's to change.
	Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) (score [][]float32, n int)
}

// scorer fills in the default.
func scorer(s Scorer) Scorer {
	if s == nil {
		return SnapKV{}
	}
	return s
}

func checkScorer(s Scorer, shape kvcache.Shape, cfg kvcache.Config) error {
	if c, ok := s.(kvcache.Checker); ok {
		return c.Check(shape, cfg)
	}
	return nil
}

// keepRanked drops, in each head of l, all but the n best of the rows that its
// score is for.
func keepRanked(l *kvcache.Layer, score [][]float32, n int) {
	for h, own := range score {
		keepBest(l.Heads[h:h+1], own, n)
	}
}

// keepBest keeps, in each of the heads, the n best of the rows that score is
// for, which are the first, and all rows after them.
func keepBest(heads []kvcache.Head, score []float32, n int) {
	switch drop := len(score) - n; {
	case drop <= 0:
	case drop == 1: // as at each step of a policy that bounds what is generated
		least := worst(score)
		for h := range heads {
			heads[h].Drop(least, least+1)
		}
	default:
		best := top(score, n)
		for h := range heads {
			heads[h].Keep(slices.Concat(best, span(len(score), heads[h].Len())))
		}
	}
}

// worst returns the slot that top would drop first: the last of the smallest.
func worst(score []float32) int {
	least := 0
	for j, w := range score {
		if cmp.Compare(w, score[least]) <= 0 {
			least = j
		}
	}
	return least
}

// top returns the slots of the n largest scores, ascending. Of equal scores
// the lower slot wins; NaN loses to everything.
func top(score []float32, n int) []int32 {
	idx := span(0, len(score))
	if n >= len(idx) {
		return idx
	}
	slices.SortStableFunc(idx, func(a, b int32) int { return cmp.Compare(score[b], score[a]) })
	idx = idx[:max(0, n)]
	slices.Sort(idx)
	return idx
}

// span returns lo, …, hi-1.
func span(lo, hi int) []int32 {
	idx := make([]int32, 0, max(0, hi-lo))
	for i := lo; i < hi; i++ {
		idx = append(idx, int32(i))
	}
	return idx
}

// pool pools x over windows of an odd kernel, stride 1, same length. Average
// counts the padding beyond the edges as zeros; Max ignores it.
func (p Pool) pool(x []float32, kernel int) []float32 {
	y := make([]float32, len(x))
	for i := range x {
		near := x[max(0, i-kernel/2):min(len(x), i+kernel/2+1)]
		if p == Max {
			y[i] = slices.Max(near)
			continue
		}
		var sum float32
		for _, v := range near {
			sum += v
		}
		y[i] = sum / float32(kernel)
	}
	return y
}
