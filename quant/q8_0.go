package quant

import "github.com/winnowlm/winnow/internal/vec"

// Q8_0 is GGUF's block of 32 columns in 34 bytes: d in half precision, then 32
// signed codes; value = d·code, d = max|x|/127.
var Q8_0 Format = &blockFormat{"q8_0", blockCols, 34, unpackQ8_0, putQ8_0, vec.MulQ8_0}

func putQ8_0(dst []byte, x []float32) {
	d := maxAbs(x) / 127
	putHalf(dst, d)
	encodeInt8(dst[2:], x, d)
}

func unpackQ8_0(b *block, src []byte) {
	b.one(getHalf(src), 0)
	for i, c := range src[2:34] {
		b.code[i] = int8(c)
	}
}

func setQ8_0(dst, code []byte) {
	for i, c := range code {
		dst[2+i] = c - 128
	}
}
