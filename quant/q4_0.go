package quant

import "github.com/winnowlm/winnow/internal/vec"

// Q4_0 is GGUF's block of 32 columns in 18 bytes: d in half precision, then 16
// bytes whose low halves are codes 0–15 and high halves 16–31; value =
// d·(code−8), d = m/−8 with m the value of largest magnitude, sign kept.
var Q4_0 Format = &blockFormat{
	name: "q4_0", cols: blockCols, bytes: 18, lo: -8, hi: 7,
	unpack: unpackQ4_0, fit: fitExtreme(16), set: setHalves(2), mul: vec.MulQ4_0,
}

func unpackQ4_0(b *block, src []byte) {
	b.one(getHalf(src), 0)
	for i, c := range src[2:18] {
		b.code[i] = int8(c&15) - 8
		b.code[i+blockCols/2] = int8(c>>4) - 8
	}
}

// fitExtreme fits d so that the value of largest magnitude has the lowest of n
// codes, or the highest for a negative d.
func fitExtreme(n int) func(dst, code []byte, x []float32) {
	return func(dst, code []byte, x []float32) {
		d := extreme(x) / float32(-n/2)
		putHalf(dst, d)
		inv := inverse(d)
		for i, v := range x {
			code[i] = truncate(float32(v*inv)+float32(n/2)+0.5, n-1)
		}
	}
}

// setHalves writes 32 codes of 4 bits to the 16 bytes from at on, the first 16
// in the low halves.
func setHalves(at int) func(dst, code []byte) {
	return func(dst, code []byte) {
		for i := range blockCols / 2 {
			dst[at+i] = code[i] | code[i+blockCols/2]<<4
		}
	}
}

// truncate rounds x down to a code of 0..most. Adding a half before makes it
// round half up, which is what ggml does.
func truncate(x float32, most int) byte {
	switch {
	case x >= float32(most):
		return byte(most)
	case x >= 0: // false for NaN
		return byte(x)
	}
	return 0
}
