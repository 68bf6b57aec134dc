package vec

// DotF32 multiplies n vectors with rows of float32: dst[q*ld+j] = x[q]·row j
// for q < n and j < rows, where x is [n][cols] and row j is the cols values that
// begin at w[j*stride]. It leaves the rest of dst alone. If next is not nil it is
// read soon, and a kernel fetches it meanwhile.
func DotF32(dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkDot(fmtF32, "DotF32", dst, ld, x, n, w, stride, rows, cols) {
		dot(fmtF32, dst, ld, x, n, w, stride, rows, cols, next)
	}
}

// DotF16 is DotF32 for rows of float16.
func DotF16(dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkDot(fmtF16, "DotF16", dst, ld, x, n, w, stride, rows, cols) {
		dot(fmtF16, dst, ld, x, n, w, stride, rows, cols, next)
	}
}

// DotBF16 is DotF32 for rows of bfloat16.
func DotBF16(dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkDot(fmtBF16, "DotBF16", dst, ld, x, n, w, stride, rows, cols) {
		dot(fmtBF16, dst, ld, x, n, w, stride, rows, cols, next)
	}
}

// DotI8 is DotF32 for rows of a float32 scale and cols int8 codes, which stand
// for code × scale. The scale multiplies the finished sum.
func DotI8(dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkDot(fmtI8, "DotI8", dst, ld, x, n, w, stride, rows, cols) {
		dot(fmtI8, dst, ld, x, n, w, stride, rows, cols, next)
	}
}

// AxpyF32 adds multiples of rows of float32: dst[q*cols+d] += Σ_j p[q*ld+j] ×
// row j[d] for q < n and d < cols, where row j < rows is the cols values that
// begin at w[j*stride]. Each output is one chain of additions with j ascending,
// so rows may be handed over in pieces; a p of 0 changes nothing.
func AxpyF32(dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkAxpy(fmtF32, "AxpyF32", dst, p, ld, n, w, stride, rows, cols) {
		axpy(fmtF32, dst, p, ld, n, w, stride, rows, cols, next)
	}
}

// AxpyF16 is AxpyF32 for rows of float16.
func AxpyF16(dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkAxpy(fmtF16, "AxpyF16", dst, p, ld, n, w, stride, rows, cols) {
		axpy(fmtF16, dst, p, ld, n, w, stride, rows, cols, next)
	}
}

// AxpyBF16 is AxpyF32 for rows of bfloat16.
func AxpyBF16(dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkAxpy(fmtBF16, "AxpyBF16", dst, p, ld, n, w, stride, rows, cols) {
		axpy(fmtBF16, dst, p, ld, n, w, stride, rows, cols, next)
	}
}

// AxpyI8 is AxpyF32 for rows of a float32 scale and cols int8 codes. The
// product of p and scale is rounded, then multiplies the codes.
func AxpyI8(dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	if checkAxpy(fmtI8, "AxpyI8", dst, p, ld, n, w, stride, rows, cols) {
		axpy(fmtI8, dst, p, ld, n, w, stride, rows, cols, next)
	}
}

func checkDot(f format, name string, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int) bool {
	if n <= 0 || rows <= 0 {
		return false
	}
	want(name, "cols", cols, 0)
	if n > 1 {
		want(name, "ld", ld, rows)
	}
	want(name, "len(dst)", len(dst), span(n, ld, rows))
	want(name, "len(x)", len(x), n*cols)
	checkRows(f, name, w, stride, rows, cols)
	return true
}

func checkAxpy(f format, name string, dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int) bool {
	if n <= 0 || rows <= 0 || cols <= 0 {
		return false
	}
	if n > 1 {
		want(name, "ld", ld, rows)
	}
	want(name, "len(dst)", len(dst), n*cols)
	want(name, "len(p)", len(p), span(n, ld, rows))
	checkRows(f, name, w, stride, rows, cols)
	return true
}

// checkRows allows a stride below the size of a row (0 repeats one row), as long
// as nothing lies outside of w.
func checkRows(f format, name string, w []byte, stride, rows, cols int) {
	want(name, "stride", stride, 0)
	want(name, "len(w)", len(w), span(rows, stride, f.rowSize(cols)))
}
