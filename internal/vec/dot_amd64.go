//go:build !noasm && !purego

package vec

import (
	"unsafe"

	"github.com/winnowlm/winnow/internal/cpu"
)

// registers returns the number of float32 in the widest registers that rows of
// cols values fill, as those of heads and models do; 0 stands for plain Go.
func registers(cols int) int {
	switch {
	case level >= cpu.AVX512 && cols%16 == 0:
		return 16
	case level >= cpu.AVX2 && cols%8 == 0:
		return 8
	}
	return 0
}

// wideVectors is the most vectors that a kernel takes at once.
const wideVectors = 6

// tokensOf returns how many of n vectors a kernel takes at once.
func tokensOf(lanes, n int) int {
	if lanes == 16 && n >= wideVectors {
		return wideVectors
	}
	return min(3, n)
}

func dot(f format, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	lanes := registers(cols)
	if lanes == 0 || cols == 0 {
		dotGo(f, dst, ld, x, n, w, stride, rows, cols)
		return
	}
	if q := dotPanel(f, lanes, dst, ld, x, n, w, stride, rows, cols); q == n {
		return
	} else if q > 0 {
		dst, x, n = dst[q*ld:], x[q*cols:], n-q
	}
	step := rows
	if n > tokensOf(lanes, n) && stride > 0 {
		step = max(cached/stride&whole, 8)
	}
	for j := 0; j < rows; j += step {
		m := min(step, rows-j)
		ahead := first(next, w[j*stride:])
		for q := 0; q < n; {
			t := tokensOf(lanes, n-q)
			soon := ahead
			if t == wideVectors && n-q > t {
				soon = (*byte)(unsafe.Pointer(&x[(q+t)*cols]))
			}
			if lanes == 16 {
				dotTileAVX512(f, t, &dst[q*ld+j], ld, &x[q*cols], cols, &w[j*stride], stride, m, soon)
			} else {
				dotTileAVX2(f, t, &dst[q*ld+j], ld, &x[q*cols], cols, &w[j*stride], stride, m, soon)
			}
			q += t
		}
	}
}

func axpy(f format, dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	lanes := registers(cols)
	if lanes == 0 {
		axpyGo(f, dst, p, ld, n, w, stride, rows, cols)
		return
	}
	ahead := first(next, w)
	for q := 0; q < n; {
		t := tokensOf(lanes, n-q)
		if lanes == 16 {
			axpyTileAVX512(f, t, &dst[q*cols], cols, &p[q*ld], ld, &w[0], stride, rows, ahead)
		} else {
			axpyTileAVX2(f, t, &dst[q*cols], cols, &p[q*ld], ld, &w[0], stride, rows, ahead)
		}
		q += t
	}
}
