//go:build !noasm && !purego

package vec

// The functions of this file are switches, not tables of functions, so that the
// pointers do not escape.

func dotTileAVX2(f format, tokens int, dst *float32, ld int, x *float32, cols int, w *byte, stride, rows int, next *byte) {
	switch int(f)*8 + tokens {
	case int(fmtF32)*8 + 1:
		dotF32x1AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF32)*8 + 2:
		dotF32x2AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF32)*8 + 3:
		dotF32x3AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF16)*8 + 1:
		dotF16x1AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF16)*8 + 2:
		dotF16x2AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF16)*8 + 3:
		dotF16x3AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtBF16)*8 + 1:
		dotBF16x1AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtBF16)*8 + 2:
		dotBF16x2AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtBF16)*8 + 3:
		dotBF16x3AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtI8)*8 + 1:
		dotI8x1AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtI8)*8 + 2:
		dotI8x2AVX2(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtI8)*8 + 3:
		dotI8x3AVX2(dst, ld, x, cols, w, stride, rows, next)
	}
}

func dotTileAVX512(f format, tokens int, dst *float32, ld int, x *float32, cols int, w *byte, stride, rows int, next *byte) {
	switch int(f)*8 + tokens {
	case int(fmtF32)*8 + 1:
		dotF32x1AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF32)*8 + 2:
		dotF32x2AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF32)*8 + 3:
		dotF32x3AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF32)*8 + 6:
		dotF32x6AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF16)*8 + 1:
		dotF16x1AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF16)*8 + 2:
		dotF16x2AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF16)*8 + 3:
		dotF16x3AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtF16)*8 + 6:
		dotF16x6AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtBF16)*8 + 1:
		dotBF16x1AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtBF16)*8 + 2:
		dotBF16x2AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtBF16)*8 + 3:
		dotBF16x3AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtBF16)*8 + 6:
		dotBF16x6AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtI8)*8 + 1:
		dotI8x1AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtI8)*8 + 2:
		dotI8x2AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtI8)*8 + 3:
		dotI8x3AVX512(dst, ld, x, cols, w, stride, rows, next)
	case int(fmtI8)*8 + 6:
		dotI8x6AVX512(dst, ld, x, cols, w, stride, rows, next)
	}
}

func axpyTileAVX2(f format, tokens int, dst *float32, cols int, p *float32, ld int, w *byte, stride, rows int, next *byte) {
	switch int(f)*8 + tokens {
	case int(fmtF32)*8 + 1:
		axpyF32x1AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF32)*8 + 2:
		axpyF32x2AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF32)*8 + 3:
		axpyF32x3AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF16)*8 + 1:
		axpyF16x1AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF16)*8 + 2:
		axpyF16x2AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF16)*8 + 3:
		axpyF16x3AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtBF16)*8 + 1:
		axpyBF16x1AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtBF16)*8 + 2:
		axpyBF16x2AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtBF16)*8 + 3:
		axpyBF16x3AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtI8)*8 + 1:
		axpyI8x1AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtI8)*8 + 2:
		axpyI8x2AVX2(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtI8)*8 + 3:
		axpyI8x3AVX2(dst, cols, p, ld, w, stride, rows, next)
	}
}

func axpyTileAVX512(f format, tokens int, dst *float32, cols int, p *float32, ld int, w *byte, stride, rows int, next *byte) {
	switch int(f)*8 + tokens {
	case int(fmtF32)*8 + 1:
		axpyF32x1AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF32)*8 + 2:
		axpyF32x2AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF32)*8 + 3:
		axpyF32x3AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF32)*8 + 6:
		axpyF32x6AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF16)*8 + 1:
		axpyF16x1AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF16)*8 + 2:
		axpyF16x2AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF16)*8 + 3:
		axpyF16x3AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtF16)*8 + 6:
		axpyF16x6AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtBF16)*8 + 1:
		axpyBF16x1AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtBF16)*8 + 2:
		axpyBF16x2AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtBF16)*8 + 3:
		axpyBF16x3AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtBF16)*8 + 6:
		axpyBF16x6AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtI8)*8 + 1:
		axpyI8x1AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtI8)*8 + 2:
		axpyI8x2AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtI8)*8 + 3:
		axpyI8x3AVX512(dst, cols, p, ld, w, stride, rows, next)
	case int(fmtI8)*8 + 6:
		axpyI8x6AVX512(dst, cols, p, ld, w, stride, rows, next)
	}
}
