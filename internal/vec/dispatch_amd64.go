//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

func f16ToF32(dst []float32, src []byte) {
	if n := len(dst) & whole; n > 0 && level >= cpu.AVX2 {
		decodeF16AVX2(&dst[0], &src[0], n)
		dst, src = dst[n:], src[2*n:]
	}
	f16ToF32Go(dst, src)
}

func bf16ToF32(dst []float32, src []byte) {
	if n := len(dst) & whole; n > 0 && level >= cpu.AVX2 {
		decodeBF16AVX2(&dst[0], &src[0], n)
		dst, src = dst[n:], src[2*n:]
	}
	bf16ToF32Go(dst, src)
}

func f32ToF16(dst []byte, src []float32) {
	if n := len(src) & whole; n > 0 && level >= cpu.AVX2 {
		encodeF16AVX2(&dst[0], &src[0], n)
		dst, src = dst[2*n:], src[n:]
	}
	f32ToF16Go(dst, src)
}

func f32ToBF16(dst []byte, src []float32) {
	if n := len(src) & whole; n > 0 && level >= cpu.AVX2 {
		encodeBF16AVX2(&dst[0], &src[0], n)
		dst, src = dst[2*n:], src[n:]
	}
	f32ToBF16Go(dst, src)
}

func maxF32(x []float32) float32 {
	n := len(x) & whole
	if n == 0 || level < cpu.AVX2 {
		return maxGo(x)
	}
	m := maxAVX2(&x[0], n)
	if n < len(x) {
		m = max(m, maxGo(x[n:]))
	}
	return m
}

func expSum(x []float32, max float32) float32 {
	if len(x) == 0 || level < cpu.AVX2 {
		return expSumGo(x, max)
	}
	return expSumAVX2(&x[0], len(x), max)
}

func softmax(s []float32, ld, n int, most, sum, factor []float32) {
	switch {
	case level >= cpu.AVX512:
		softmaxAVX512(&s[0], ld, n, &most[0], &sum[0], &factor[0], len(most))
	case level >= cpu.AVX2:
		softmaxAVX2(&s[0], ld, n, &most[0], &sum[0], &factor[0], len(most))
	default:
		softmaxGo(s, ld, n, most, sum, factor)
	}
}

func mix(dst, x []float32, a, b float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.AVX2 {
		mixAVX2(&dst[0], &x[0], n, a, b)
		dst, x = dst[n:], x[n:]
	}
	mixGo(dst, x, a, b)
}

func scale(x []float32, s float32) {
	if n := len(x) & whole; n > 0 && level >= cpu.AVX2 {
		scaleAVX2(&x[0], n, s)
		x = x[n:]
	}
	scaleGo(x, s)
}

func add(dst, x []float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.AVX2 {
		addAVX2(&dst[0], &x[0], n)
		dst, x = dst[n:], x[n:]
	}
	addGo(dst, x)
}

func mul(dst, x []float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.AVX2 {
		mulAVX2(&dst[0], &x[0], n)
		dst, x = dst[n:], x[n:]
	}
	mulGo(dst, x)
}

func sumSquares(x []float32) float32 {
	n := len(x) &^ 31
	if n == 0 || level < cpu.AVX2 {
		return sumSquaresGo(x)
	}
	return sumSquaresAVX2(&x[0], n) + sumSquaresGo(x[n:])
}

func scaleMul(dst, x, w []float32, s float32) {
	if n := len(dst) & whole; n > 0 && level >= cpu.AVX2 {
		scaleMulAVX2(&dst[0], &x[0], &w[0], n, s)
		dst, x, w = dst[n:], x[n:], w[n:]
	}
	scaleMulGo(dst, x, w, s)
}

func siluMul(gate, up []float32) {
	if len(gate) == 0 || level < cpu.AVX2 {
		siluMulGo(gate, up)
		return
	}
	siluMulAVX2(&gate[0], &up[0], len(gate))
}

func rotateHalves(x, cos, sin []float32) {
	if half := len(cos); half%8 == 0 && level >= cpu.AVX2 {
		rotateHalvesAVX2(&x[0], &cos[0], &sin[0], half)
		return
	}
	rotateHalvesGo(x, cos, sin)
}

func rotatePairs(x, cos, sin []float32) {
	if half := len(cos); half%4 == 0 && level >= cpu.AVX2 {
		rotatePairsAVX2(&x[0], &cos[0], &sin[0], half)
		return
	}
	rotatePairsGo(x, cos, sin)
}
