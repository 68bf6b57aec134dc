//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

// codesLanes is the number of codes that the kernels take at a time.
const codesLanes = 32

func levels(dst []float32, src []byte, c Code, next []byte) {
	if n := len(dst) &^ (codesLanes - 1); n > 0 && level >= cpu.AVX2 {
		switch c {
		case CodeI8:
			codesI8AVX2(&dst[0], &src[0], n, first(next, src))
		case CodeU8:
			codesU8AVX2(&dst[0], &src[0], n, first(next, src))
		case CodeU4:
			codesU4AVX2(&dst[0], &src[0], n, first(next, src))
		case CodeU2:
			codesU2AVX2(&dst[0], &src[0], n, first(next, src))
		case CodeE4M3:
			codesE4M3AVX2(&dst[0], &src[0], n, first(next, src))
		case CodeE5M2:
			codesE5M2AVX2(&dst[0], &src[0], n, first(next, src))
		}
		dst, src = dst[n:], src[n*c.Bits()/8:]
	}
	levelsGo(dst, src, c)
}

func groups(dst []float32, src []byte, c Code, width int, next []byte) {
	n := len(dst) / width
	if level < cpu.AVX2 || width%codesLanes != 0 || n == 0 {
		groupsGo(dst, src, c, width)
		return
	}
	switch c {
	case CodeI8:
		groupsI8AVX2(&dst[0], &src[0], n, width, first(next, src))
	case CodeU8:
		groupsU8AVX2(&dst[0], &src[0], n, width, first(next, src))
	case CodeU4:
		groupsU4AVX2(&dst[0], &src[0], n, width, first(next, src))
	case CodeU2:
		groupsU2AVX2(&dst[0], &src[0], n, width, first(next, src))
	case CodeE4M3:
		groupsE4M3AVX2(&dst[0], &src[0], n, width, first(next, src))
	case CodeE5M2:
		groupsE5M2AVX2(&dst[0], &src[0], n, width, first(next, src))
	}
}

func look(dst *[32]byte, src *[16]byte, levels *[16]int8) {
	if level >= cpu.AVX2 {
		lookAVX2(&dst[0], &src[0], &levels[0])
		return
	}
	lookGo(dst, src, levels)
}
