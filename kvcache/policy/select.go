package policy

import (
	"math"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// Scorer is a policy that ranks rows. PyramidKV and AdaKV divide the budget of
// another's ranking differently, between layers and between heads; CriticalKV
// weights it by what rows add to the output. A Scorer that is a
// kvcache.Checker is asked too.
type Scorer interface {
	kvcache.Policy
	// Rank is asked where Keep would be. It returns a score for the rows of
	// each head but the last ones, which stay, and how many of those scored
	// stay in each head; nil when nothing is to be dropped. Rows that stay in
	// any case have the score +Inf, and there are at most as many of them. Both
	// are the caller's to change, and scores may be scratch memory of l.
	Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) (score [][]float32, keep []int)
}

// scorer fills in the default.
func scorer(s Scorer) Scorer {
	if s == nil {
		return SnapKV{}
	}
	return s
}

// uneven reports whether s gives the heads of a layer different budgets.
func uneven(s Scorer) bool {
	switch s := s.(type) {
	case AdaKV:
		return true
	case PyramidKV:
		return uneven(s.filled().Scorer)
	case CriticalKV:
		return uneven(s.filled().Scorer)
	case ChunkKV:
		return uneven(s.filled().Scorer)
	}
	return false
}

// alike reports whether s scores the rows of all heads of a layer alike, so
// that no head has more to win than another.
func alike(s Scorer) bool {
	switch s := s.(type) {
	case LagKV:
		return !s.Cross
	case ChunkKV:
		return !s.PerHead || alike(s.filled().Scorer)
	case PyramidKV:
		return alike(s.filled().Scorer)
	}
	return false
}

// check asks a policy that another is made of.
func check(p kvcache.Policy, shape kvcache.Shape, cfg kvcache.Config) error {
	if c, ok := p.(kvcache.Checker); ok {
		return c.Check(shape, cfg)
	}
	return nil
}

// keepRanked drops, in each head of l, all but the best rows, as many as keep
// says, of those that its score is for.
func keepRanked(l *kvcache.Layer, score [][]float32, keep []int) {
	for h, own := range score {
		keepTop(l, &l.Heads[h], own, keep[h])
	}
}

// same returns n for each head of l.
func same(l *kvcache.Layer, n int) []int { return slices.Repeat([]int{n}, len(l.Heads)) }

// keepTop keeps the n best of the rows that score is for, which are the head's
// first, and all rows after them.
func keepTop(l *kvcache.Layer, hd *kvcache.Head, score []float32, n int) {
	if len(score) > n {
		keep := top(l.Slots(hd.Len()), score, n)
		hd.Keep(span(keep, len(score), hd.Len()))
	}
}

// keepBest is keepTop in each of the heads, for a policy that is Bounded: the
// one row that leaves with each token is dropped without rewriting the others.
func keepBest(l *kvcache.Layer, heads []kvcache.Head, score []float32, n int) {
	if len(score)-n == 1 {
		least := worst(score)
		for h := range heads {
			heads[h].Drop(least, least+1)
		}
		return
	}
	for h := range heads {
		keepTop(l, &heads[h], score, n)
	}
}

// protect marks the first n rows as ones that stay.
func protect(score []float32, n int) {
	for j := range score[:min(n, len(score))] {
		score[j] = float32(math.Inf(1))
	}
}

// worst returns the slot that top would drop first: the last of the smallest.
func worst(score []float32) int {
	least := 0
	for j, w := range score {
		if order(w) <= order(score[least]) {
			least = j
		}
	}
	return least
}

// top returns the slots of the n largest scores, ascending, in the memory of
// dst, which must have room for as many. Of equal scores the lower slot wins;
// NaN loses to everything.
func top(dst []int32, score []float32, n int) []int32 {
	if n >= len(score) {
		return span(dst[:0], 0, len(score))
	}
	dst = dst[:0]
	if n <= 0 {
		return dst
	}
	least, ties := threshold(n, score)
	for j, w := range score {
		switch key := order(w); {
		case key > least:
			dst = append(dst, int32(j))
		case key == least && ties > 0:
			dst = append(dst, int32(j))
			ties--
		}
	}
	return dst
}

// order returns a number for x that is larger for a larger x and least for NaN.
func order(x float32) uint32 {
	if x != x {
		return 0
	}
	bits := math.Float32bits(x + 0) // one zero
	if bits>>31 == 1 {
		return ^bits
	}
	return bits | 1<<31
}

// threshold returns the order of the n-th largest of all scores, n being from
// 1 to their number, and how many equal to it are among these n. It sorts
// nothing: it finds the number some bits at a time, by counting.
func threshold(n int, scores ...[]float32) (least uint32, ties int) {
	const bits, most = 11, 1<<11 - 1
	known := uint32(0) // which bits of least were found
	for _, shift := range [...]int{32 - bits, 32 - 2*bits, 0} {
		var count [most + 1]int
		for _, score := range scores {
			for _, w := range score {
				if key := order(w); (key^least)&known == 0 {
					count[key>>shift&most]++
				}
			}
		}
		digit := most
		for ; count[digit] < n; digit-- {
			n -= count[digit]
		}
		least |= uint32(digit) << shift
		known = ^uint32(0) << shift
	}
	return least, n
}

// span appends lo, …, hi-1 to dst.
func span(dst []int32, lo, hi int) []int32 {
	for i := lo; i < hi; i++ {
		dst = append(dst, int32(i))
	}
	return dst
}

// pool pools x over windows of an odd kernel, stride 1, same length. Average
// counts the padding beyond the edges as zeros; Max ignores it. The result is
// written to y.
func (p Pool) pool(y, x []float32, kernel int) []float32 {
	if p == Max {
		maxPool(y, x, kernel)
		return y
	}
	for i := range x {
		var sum float32
		for _, v := range x[max(0, i-kernel/2):min(len(x), i+kernel/2+1)] {
			sum += v
		}
		y[i] = sum / float32(kernel)
	}
	return y
}

// maxPool makes windows that begin at each value, twice as wide each time, and
// then moves them to where their middle is.
func maxPool(y, x []float32, kernel int) {
	n := copy(y, x)
	half := min(kernel/2, n)
	for width := 1; width < 2*half+1; {
		by := min(width, 2*half+1-width)
		for i := range n - min(n, by) {
			y[i] = max(y[i], y[i+by])
		}
		width += by
	}
	copy(y[half:n], y)
	for i := range half {
		y[i] = slices.Max(x[:min(n, i+half+1)])
	}
}
