package quant

import "github.com/winnowlm/winnow/internal/vec"

// Q8_0 is GGUF's block of 32 columns in 34 bytes: d in half precision, then 32
// signed codes; value = d·code, d = max|x|/127.
var Q8_0 Format = &blockFormat{
	name: "q8_0", cols: blockCols, bytes: sizeQ8_0, lo: -128, hi: 127,
	unpack: unpackQ8_0, fit: fitQ8_0, set: setQ8_0, mul: vec.MulQ8_0,
}

// sizeQ8_0 is the size of a block in bytes.
const sizeQ8_0 = 2 + blockCols

func fitQ8_0(dst, code []byte, x []float32) {
	d := maxAbs(x) / 127
	putHalf(dst, d)
	if d == 0 {
		d = 1
	}
	for i, v := range x {
		code[i] = byte(nearest(v/d, -127, 127) + 128)
	}
}

func setQ8_0(dst, code []byte) {
	for i, c := range code {
		dst[2+i] = c ^ 0x80
	}
}

func unpackQ8_0(b *block, src []byte) {
	b.one(getHalf(src), 0)
	for i, c := range src[2:34] {
		b.code[i] = int8(c)
	}
}
