package quant

// Q3_K is GGUF's super-block of 256 columns in 110 bytes: 32 bytes with the
// highest bits of the codes, bit g of byte i that of column 32g+i; the low 2
// bits laid out as in Q2_K; 12 bytes with sixteen scales of 6 bits for 16
// columns each; d in half precision. value = d·(scale−32)·(code−4).
var Q3_K Format = &blockFormat{
	name: "q3_k", cols: superCols, bytes: 110, lo: -4, hi: 3,
	unpack: unpackQ3_K, fit: fitQ3_K, set: setQ3_K,
}

// Scales g and g+8 have their low halves in byte g, all four g+4k their high
// bits in byte 8+g, the first lowest.

func fitQ3_K(dst, code []byte, x []float32) {
	s := fitSigned(code, x, groupCols, even(4), 32)
	scales := dst[96:108]
	clear(scales)
	for g, c := range s.scale {
		scale := byte(c + 32)
		scales[g%8] |= scale & 15 << (g / 8 * 4)
		scales[8+g%4] |= scale >> 4 << (g / 4 * 2)
	}
	putHalf(dst[108:], s.d)
}

func setQ3_K(dst, code []byte) {
	high := dst[:32]
	clear(high)
	for i, c := range code {
		high[i%32] |= c >> 2 << (i / 32)
	}
	setTwo(32)(dst, code)
}

func unpackQ3_K(b *block, src []byte) {
	high, scales, d := (*[32]byte)(src), src[96:108], getHalf(src[108:])
	for g := range b.scale {
		scale := scales[g%8]>>(g/8*4)&15 | scales[8+g%4]>>(g/4*2)&3<<4
		b.scale[g], b.min[g] = d*float32(int8(scale)-32), 0
	}
	unpackTwo(b, src[32:96])
	for g := range superCols / 32 {
		code := (*[32]int8)(b.code[g*32:])
		for i, h := range high {
			code[i] += int8(h>>g&1)<<2 - 4
		}
	}
}
