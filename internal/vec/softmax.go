package vec

// Softmax folds logits into running softmaxes (Milakov and Gimelshein 2018), one
// for each of len(most) rows of s, [rows][ld], of which the first n values
// count. most[q] becomes the largest value of row q so far, the values become
// exp(value-most[q]), factor[q] is what earlier sums of the row are worth now,
// exp(old most-new most), and sum[q] becomes sum[q] × factor[q] + the new values.
// Most starts at -Inf and sum at 0. A row of -Inf adds zeros.
func Softmax(s []float32, ld, n int, most, sum, factor []float32) {
	if n <= 0 || len(most) == 0 {
		return
	}
	if len(most) > 1 {
		want("Softmax", "ld", ld, n)
	}
	want("Softmax", "len(s)", len(s), span(len(most), ld, n))
	want("Softmax", "len(sum)", len(sum), len(most))
	want("Softmax", "len(factor)", len(factor), len(most))
	softmax(s, ld, n, most, sum, factor)
}

// Mix sets dst[i] = dst[i] × a + x[i] × b, with a rounding after each operation.
func Mix(dst, x []float32, a, b float32) {
	want("Mix", "len(x)", len(x), len(dst))
	mix(dst, x, a, b)
}
