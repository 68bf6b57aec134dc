//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

// registers says whether kernels take rows of cols values, as those of heads and
// models are.
func registers(cols int) bool { return level >= cpu.NEON && cols%8 == 0 && cols > 0 }

func dot(f format, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	if !registers(cols) {
		dotGo(f, dst, ld, x, n, w, stride, rows, cols)
		return
	}
	step := rows
	if n > neonTokens && stride > 0 {
		step = max(cached/stride&whole, 8)
	}
	for j := 0; j < rows; j += step {
		out, w, m := &dst[j], w[j*stride:], min(step, rows-j)
		ahead := first(next, w)
		switch f { // not a table of functions, so that the pointers do not escape
		case fmtF32:
			dotF32NEON(out, ld, &x[0], n, cols, &w[0], stride, m, ahead)
		case fmtF16:
			dotF16NEON(out, ld, &x[0], n, cols, &w[0], stride, m, ahead)
		case fmtBF16:
			dotBF16NEON(out, ld, &x[0], n, cols, &w[0], stride, m, ahead)
		case fmtI8:
			dotI8NEON(out, ld, &x[0], n, cols, &w[0], stride, m, ahead)
		}
	}
}

// neonTokens is the number of vectors that a kernel multiplies a row with at once.
const neonTokens = 6

func axpy(f format, dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	if !registers(cols) {
		axpyGo(f, dst, p, ld, n, w, stride, rows, cols)
		return
	}
	ahead := first(next, w)
	switch f {
	case fmtF32:
		axpyF32NEON(&dst[0], cols, &p[0], ld, n, &w[0], stride, rows, ahead)
	case fmtF16:
		axpyF16NEON(&dst[0], cols, &p[0], ld, n, &w[0], stride, rows, ahead)
	case fmtBF16:
		axpyBF16NEON(&dst[0], cols, &p[0], ld, n, &w[0], stride, rows, ahead)
	case fmtI8:
		axpyI8NEON(&dst[0], cols, &p[0], ld, n, &w[0], stride, rows, ahead)
	}
}
