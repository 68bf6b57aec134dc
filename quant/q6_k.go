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
	for half := range 2 {
		low, high, code := dst[64*half:][:64], dst[128+32*half:][:32], code[128*half:][:128]
		for i := 0; i < 64; i += 8 {
			putWord(low[i:], getWord(code[i:])&(15*eachByte)|getWord(code[64+i:])&(15*eachByte)<<4)
		}
		for i := 0; i < 32; i += 8 {
			var w uint64
			for part := range 4 {
				w |= getWord(code[32*part+i:]) >> 4 & (3 * eachByte) << (2 * part)
			}
			putWord(high[i:], w)
		}
	}
}

// asQ6_K writes a block of another format of whole scales for 16 columns and
// codes in −32..31, in units of the half that d begins with.
func asQ6_K(dst, d []byte, unpack func(b *block, src []byte), src []byte, scale func(g int) byte) {
	b := blocks.Get().(*block)
	defer blocks.Put(b)
	unpack(b, src)
	var code [superCols]byte
	for i, c := range b.code {
		code[i] = byte(c + 32)
	}
	setQ6_K(dst, code[:])
	for g := range superCols / groupCols {
		dst[192+g] = scale(g)
	}
	copy(dst[208:], d[:2])
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
