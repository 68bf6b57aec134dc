package quant

import "github.com/winnowlm/winnow/internal/vec"

// Fold adds the attention of the rows of x to a block of keys k and values v, all
// of which they see, to a softmax under way: acc [x.N][v.Cols] are weighted
// sums of values, most and sum [x.N] the largest logit and the sum of weights.
// It overwrites s [x.N][k.Rows]. What next holds is read after it. It is
//
//	k.MulT(s, k.Rows, x, 0, k.Rows)
//	vec.Softmax(s, k.Rows, k.Rows, most, sum, factor)
//	acc *= factor
//	v.MulAdd(acc, s, k.Rows, x.N, 0, v.Rows)
//
// to the last bit, and reports whether there is a kernel that does it faster: if
// not, it has done nothing.
func Fold(acc []float32, x *Input, k, v Matrix, s, most, sum []float32, next Matrix) bool {
	f, ok := k.Format.(*columns)
	if !ok || v.Format != f.plain() || x.N > foldMost || !vec.HasFold(k.Rows, k.Cols) {
		return false
	}
	f.fold(acc, x.X, x.N, x.Cols, k.Data, v.Data, s, most, sum, next.Data)
	return true
}

// foldMost is the number of queries beyond which products of more of them at a
// time are faster.
const foldMost = 4
