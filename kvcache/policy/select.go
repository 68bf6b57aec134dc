package policy

import (
	"cmp"
	"slices"
)

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
