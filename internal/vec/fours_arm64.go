//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

func hasFours() bool { return level >= cpu.DotProd }

func quantize16(a *Q16, x []float32, ld int, scales []byte) {
	switch {
	case !hasFours() || a.Cols%foursLanes != 0:
		quantize16Go(a, x, ld, scales)
	case scales == nil:
		quantize16DotProd(&a.high[0], &a.low[0], a.meta[0].bytes(), a.Cols, &x[0], ld, a.N)
	default:
		quantize16ScaledDotProd(&a.high[0], &a.low[0], a.meta[0].bytes(), a.Cols, &x[0], ld, a.N, &scales[0])
	}
}

func dotFours(dst []float32, ld int, a *Q16, w, scales []byte, n int, next []byte) {
	if !hasFours() || n%foursLanes != 0 || a.Cols == 0 {
		dotFoursGo(dst, ld, a, w, scales, n)
		return
	}
	dotFoursDotProd(&dst[0], ld, &a.high[0], &a.low[0], a.meta[0].bytes(), a.N, a.Cols, &w[0], n, first(next, w), &scales[0])
}

func addFours(dst []float32, a *Q16, w []byte, n int, next []byte) {
	if !hasFours() || n%foursLanes != 0 || a.Cols == 0 {
		addFoursGo(dst, a, w, n)
		return
	}
	addFoursDotProd(&dst[0], n, &a.high[0], &a.low[0], a.meta[0].bytes(), a.N, a.Cols, &w[0], n, first(next, w))
}
