package quant

import "github.com/winnowlm/winnow/internal/vec"

// Q6_K is GGUF's super-block of 256 columns in 210 bytes: 128 bytes with the low
// 4 bits of the codes, 64 with the high 2, sixteen int8 scales of 16 columns
// each, d in half precision; value = d·scale·(code−32).
var Q6_K Format = &blockFormat{
	name: "q6_k", cols: superCols, bytes: 210, lo: -32, hi: 31,
	unpack: unpackQ6_K, fit: fitQ6_K, set: setQ6_K, mul: vec.MulQ6_K,
}

// Of each 128 columns, 64 bytes hold the low bits of columns 0–63 in their low
// halves and of 64–127 in their high ones; 32 bytes hold the high bits of
// columns i, i+32, i+64 and i+96, the first lowest.

func fitQ6_K(dst, code []byte, x []float32) {
	s := fitSigned(code, x, groupCols, even(32), 128)
	for g, c := range s.scale {
		dst[192+g] = byte(c)
	}
	putHalf(dst[208:], s.d)
}

func setQ6_K(dst, code []byte) {
	low, high := dst[:128], dst[128:192]
	clear(dst[:192])
	for i, c := range code {
		half, at := i/128, i%128
		low[half*64+at%64] |= c & 15 << (at / 64 * 4)
		high[half*32+at%32] |= c >> 4 << (at / 32 * 2)
	}
}

func unpackQ6_K(b *block, src []byte) {
	d := getHalf(src[208:])
	for g, s := range src[192:208] {
		b.scale[g], b.min[g] = d*float32(int8(s)), 0
	}
	for half := range 2 {
		low, high := (*[64]byte)(src[half*64:]), (*[32]byte)(src[128+half*32:])
		code := (*[128]int8)(b.code[half*128:])
		for i, h := range high {
			code[i] = int8(low[i]&15|h<<4&48) - 32
			code[i+32] = int8(low[i+32]&15|h<<2&48) - 32
			code[i+64] = int8(low[i]>>4|h&48) - 32
			code[i+96] = int8(low[i+32]>>4|h>>2&48) - 32
		}
	}
}
