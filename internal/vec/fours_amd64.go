//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

func hasFours() bool { return level >= cpu.AVX512 }

func quantize16(a *Q16, x []float32, ld int, scales []byte) {
	switch {
	case !hasFours() || a.Cols%foursLanes != 0:
		quantize16Go(a, x, ld, scales)
	case scales == nil:
		quantize16AVX512(&a.high[0], &a.low[0], a.meta[0].bytes(), a.Cols, &x[0], ld, a.N)
	default:
		quantize16ScaledAVX512(&a.high[0], &a.low[0], a.meta[0].bytes(), a.Cols, &x[0], ld, a.N, &scales[0])
	}
}

func dotFours(dst []float32, ld int, a *Q16, w, scales []byte, n int, next []byte) {
	if !hasFours() || n%foursLanes != 0 || a.Cols == 0 {
		dotFoursGo(dst, ld, a, w, scales, n)
		return
	}
	ahead := first(next, w)
	for q := 0; q < a.N; {
		t := tokensOf(foursLanes, a.N-q)
		out, high, low, meta := &dst[q*ld], &a.high[q*a.Cols], &a.low[q*a.Cols], a.meta[q].bytes()
		switch t {
		case 1:
			dotFoursx1AVX512(out, ld, high, low, meta, a.Cols, &w[0], n, ahead, &scales[0])
		case 2:
			dotFoursx2AVX512(out, ld, high, low, meta, a.Cols, &w[0], n, ahead, &scales[0])
		case 3:
			dotFoursx3AVX512(out, ld, high, low, meta, a.Cols, &w[0], n, ahead, &scales[0])
		case 6:
			dotFoursx6AVX512(out, ld, high, low, meta, a.Cols, &w[0], n, ahead, &scales[0])
		}
		q += t
	}
}

func addFours(dst []float32, a *Q16, w []byte, n int, next []byte) {
	if !hasFours() || n%foursLanes != 0 || a.Cols == 0 {
		addFoursGo(dst, a, w, n)
		return
	}
	ahead := first(next, w)
	for q := 0; q < a.N; {
		t := tokensOf(foursLanes, a.N-q)
		out, high, low, meta := &dst[q*n], &a.high[q*a.Cols], &a.low[q*a.Cols], a.meta[q].bytes()
		switch t {
		case 1:
			addFoursx1AVX512(out, n, high, low, meta, a.Cols, &w[0], n, ahead)
		case 2:
			addFoursx2AVX512(out, n, high, low, meta, a.Cols, &w[0], n, ahead)
		case 3:
			addFoursx3AVX512(out, n, high, low, meta, a.Cols, &w[0], n, ahead)
		case 6:
			addFoursx6AVX512(out, n, high, low, meta, a.Cols, &w[0], n, ahead)
		}
		q += t
	}
}
