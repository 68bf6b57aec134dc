package vec

// foldRows is how many rows a block has that Fold takes, and divides its channels.
const foldRows = 64

// HasFold reports whether Fold is faster than its parts, for blocks of so many
// rows and channels.
func HasFold(rows, dim int) bool { return hasFold() && rows == foldRows && dim%foldRows == 0 }

// FoldF16 adds the attention of n vectors q, [n][dim], to a block of 64 keys k by
// columns, [dim][64] of float16, and values v, [64][dim], to acc, [n][dim]: the
// logits s, [n][64], are AxpyF16's of q with k; of them, of most and of sum,
// Softmax makes weights; acc is multiplied by Softmax's factors, and AxpyF16 adds
// the weights with v. dim is a multiple of 64. What next holds is read soon.
func FoldF16(acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32, next []byte) {
	if checkFold("FoldF16", acc, q, n, dim, k, v, s, most, sum) {
		fold(fmtF16, acc, q, n, dim, k, v, s, most, sum, next)
	}
}

// FoldBF16 is FoldF16 for bfloat16.
func FoldBF16(acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32, next []byte) {
	if checkFold("FoldBF16", acc, q, n, dim, k, v, s, most, sum) {
		fold(fmtBF16, acc, q, n, dim, k, v, s, most, sum, next)
	}
}

func checkFold(name string, acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32) bool {
	if n <= 0 || dim <= 0 {
		return false
	}
	want(name, "len(acc)", len(acc), n*dim)
	want(name, "len(q)", len(q), n*dim)
	want(name, "len(k)", len(k), 2*foldRows*dim)
	want(name, "len(v)", len(v), 2*foldRows*dim)
	want(name, "len(s)", len(s), n*foldRows)
	want(name, "len(most)", len(most), n)
	want(name, "len(sum)", len(sum), n)
	return true
}

// foldParts is the specification.
func foldParts(f format, acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32) {
	clear(s[:n*foldRows])
	axpy(f, s, q, dim, n, k, 2*foldRows, dim, foldRows, nil)
	factor := make([]float32, n)
	softmax(s, foldRows, foldRows, most[:n], sum, factor)
	for t, c := range factor {
		scale(acc[t*dim:][:dim], c)
	}
	axpy(f, acc, s, foldRows, n, v, 2*dim, foldRows, dim, nil)
}
