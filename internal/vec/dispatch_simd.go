//go:build (amd64 || arm64) && !noasm && !purego

package vec

import (
	"unsafe"

	"github.com/winnowlm/winnow/internal/cpu"
)

// cached is the number of bytes of a matrix that are multiplied with all vectors
// before the next ones are read, so that they come from the second-level cache.
const cached = 128 << 10

// groupsAtOnce returns how many groups of size rows are multiplied at a time: all
// with one vector, with several as many as are cached.
func groupsAtOnce(n, rows, size, stride int) int {
	groups := rows / size
	if n > 1 {
		groups = min(groups, max(1, cached/(size*stride)))
	}
	return groups
}

// nextGroups returns the row from which the next groups begin, and their number.
// The last rows are computed twice where they do not fill a group.
func nextGroups(j, rows, size, most int) (first, groups int) {
	if rows-j < size {
		j = rows - size
	}
	return j, min(most, (rows-j)/size)
}

// foursLanes divides the numbers of columns that kernels for bytes by fours take.
const foursLanes = 16

func (m *meta16) bytes() *byte { return (*byte)(unsafe.Pointer(m)) }

// first returns where to fetch from: next, or the rows in hand if there is none.
func first(next, w []byte) *byte {
	if len(next) == 0 {
		next = w
	}
	return &next[0]
}

// whole masks a number of elements: the assembly takes whole registers of 8
// where their order does not matter; the plain Go functions, which do the same to
// each, take the rest.
const whole = ^7

func f16ToF32(dst []float32, src []byte) {
	if n := len(dst) & whole; n > 0 && level >= cpu.SIMD {
		decodeF16SIMD(&dst[0], &src[0], n)
		dst, src = dst[n:], src[2*n:]
	}
	f16ToF32Go(dst, src)
}

func bf16ToF32(dst []float32, src []byte) {
	if n := len(dst) & whole; n > 0 && level >= cpu.SIMD {
		decodeBF16SIMD(&dst[0], &src[0], n)
		dst, src = dst[n:], src[2*n:]
	}
	bf16ToF32Go(dst, src)
}

func f32ToF16(dst []byte, src []float32) {
	if n := len(src) & whole; n > 0 && level >= cpu.SIMD {
		encodeF16SIMD(&dst[0], &src[0], n)
		dst, src = dst[2*n:], src[n:]
	}
	f32ToF16Go(dst, src)
}

func f32ToBF16(dst []byte, src []float32) {
	if n := len(src) & whole; n > 0 && level >= cpu.SIMD {
		encodeBF16SIMD(&dst[0], &src[0], n)
		dst, src = dst[2*n:], src[n:]
	}
	f32ToBF16Go(dst, src)
}

func maxF32(x []float32) float32 {
	n := len(x) & whole
	if n == 0 || level < cpu.SIMD {
		return maxGo(x)
	}
	m := maxSIMD(&x[0], n)
	if n < len(x) {
		m = max(m, maxGo(x[n:]))
	}
	return m
}

func expSum(x []float32, max float32) float32 {
	if len(x) == 0 || level < cpu.SIMD {
		return expSumGo(x, max)
	}
	return expSumSIMD(&x[0], len(x), max)
}

func mix(dst, x []float32, a, b float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.SIMD {
		mixSIMD(&dst[0], &x[0], n, a, b)
		dst, x = dst[n:], x[n:]
	}
	mixGo(dst, x, a, b)
}

func scale(x []float32, s float32) {
	if n := len(x) & whole; n > 0 && level >= cpu.SIMD {
		scaleSIMD(&x[0], n, s)
		x = x[n:]
	}
	scaleGo(x, s)
}

func add(dst, x []float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.SIMD {
		addSIMD(&dst[0], &x[0], n)
		dst, x = dst[n:], x[n:]
	}
	addGo(dst, x)
}

func mul(dst, x []float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.SIMD {
		mulSIMD(&dst[0], &x[0], n)
		dst, x = dst[n:], x[n:]
	}
	mulGo(dst, x)
}

func sumSquares(x []float32) float32 {
	n := len(x) &^ 31
	if n == 0 || level < cpu.SIMD {
		return sumSquaresGo(x)
	}
	return sumSquaresSIMD(&x[0], n) + sumSquaresGo(x[n:])
}

func sumAbs(x []float32) float32 {
	n := len(x) &^ 31
	if n == 0 || level < cpu.SIMD {
		return sumAbsGo(x)
	}
	return sumAbsSIMD(&x[0], n) + sumAbsGo(x[n:])
}

func scaleMul(dst, x, w []float32, s float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.SIMD {
		scaleMulSIMD(&dst[0], &x[0], &w[0], n, s)
		dst, x, w = dst[n:], x[n:], w[n:]
	}
	scaleMulGo(dst, x, w, s)
}

func siluMul(gate, up []float32) {
	if len(gate) == 0 || level < cpu.SIMD {
		siluMulGo(gate, up)
		return
	}
	siluMulSIMD(&gate[0], &up[0], len(gate))
}

func rotateHalves(x, cos, sin []float32) {
	if half := len(cos); half%8 == 0 && level >= cpu.SIMD {
		rotateHalvesSIMD(&x[0], &cos[0], &sin[0], half)
		return
	}
	rotateHalvesGo(x, cos, sin)
}

func rotatePairs(x, cos, sin []float32) {
	if half := len(cos); half%4 == 0 && level >= cpu.SIMD {
		rotatePairsSIMD(&x[0], &cos[0], &sin[0], half)
		return
	}
	rotatePairsGo(x, cos, sin)
}

func transpose(dst, src []float32, rows, cols int) {
	if rows%8 != 0 || cols%8 != 0 || level < cpu.SIMD {
		transposeGo(dst, src, rows, cols)
		return
	}
	transposeSIMD(&dst[0], &src[0], rows, cols)
}

func (a *Q8) metaAt(b int) *byte { return (*byte)(unsafe.Pointer(&a.meta[b])) }

// quantize encodes blocks of x as the values of a from the one numbered at.
func quantize(a *Q8, at int, x []float32, blocks int) {
	if level < cpu.SIMD {
		quantizeGo(a, at, x, blocks)
		return
	}
	var wide *int16
	if len(a.wide) > 0 {
		wide = &a.wide[at]
	}
	quantizeSIMD(&a.codes[at], wide, a.metaAt(at/Block), &x[0], blocks)
}
