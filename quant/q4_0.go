package quant

import "github.com/winnowlm/winnow/internal/vec"

// Q4_0 is GGUF's block of 32 columns in 18 bytes: d in half precision, then 16
// bytes whose low halves are codes 0–15 and high halves 16–31; value =
// d·(code−8), d = m/−8 with m the value of largest magnitude, sign kept.
var Q4_0 Format = &blockFormat{"q4_0", blockCols, 18, unpackQ4_0, putQ4_0, vec.MulQ4_0}

func putQ4_0(dst []byte, x []float32) {
	d := extreme(x) / -8
	putHalf(dst, d)
	inv := inverse(d)
	var code [blockCols]byte
	for i, v := range x {
		code[i] = byte(min(float32(v*inv)+8.5, 15))
	}
	setQ4_0(dst, code[:])
}

func setQ4_0(dst, code []byte) {
	for i := range blockCols / 2 {
		dst[2+i] = code[i] | code[i+blockCols/2]<<4
	}
}

func unpackQ4_0(b *block, src []byte) {
	b.one(getHalf(src), 0)
	for i, c := range src[2:18] {
		b.code[i] = int8(c&15) - 8
		b.code[i+blockCols/2] = int8(c>>4) - 8
	}
}
