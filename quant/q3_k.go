package quant

import "encoding/binary"

// Q3_K is GGUF's super-block of 256 columns in 110 bytes: 32 bytes with the
// highest bits of the codes, bit g of byte i that of column 32g+i; the low 2
// bits laid out as in Q2_K; 12 bytes with sixteen scales of 6 bits for 16
// columns each; d in half precision. value = d·(scale−32)·(code−4).
var Q3_K Format = &blockFormat{
	name: "q3_k", cols: superCols, bytes: 110, lo: -4, hi: 3,
	unpack: unpackQ3_K, fit: fitQ3_K, set: setQ3_K,
	recodeBlock: recodeQ3_K, parts: 1,
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

// recodeQ3_K multiplies codes by their scales, both negated by −d for a scale:
// −(scale−32)·(code−4) is in −128..124.
func recodeQ3_K(r *recodedRows, src []byte) bool {
	d := binary.LittleEndian.Uint16(src[108:]) ^ 0x8000
	for b := range superCols / blockCols {
		to, codes, high := (*[sizeQ8_0]byte)(r.parts[0][b*sizeQ8_0:]), (*[32]byte)(src[32+b/4*32:]), (*[32]byte)(src)
		binary.LittleEndian.PutUint16(to[:], d)
		for g := range 2 {
			scale := int(scaleQ3_K(src, 2*b+g)) - 32
			for i := 16 * g; i < 16*g+16; i += 8 {
				w := getWord(codes[i:])>>(b%4*2)&(3*eachByte) | getWord(high[i:])>>b&eachByte<<2
				putWord(to[2+i:], timesNegated(w, scale))
			}
		}
	}
	return true
}

// packQ3_K writes blocks as Q6_K.
func packQ3_K(dst, src []byte) {
	for ; len(src) > 0; src, dst = src[Q3_K.Size(1, superCols):], dst[Q6_K.Size(1, superCols):] {
		asQ6_K(dst, src[108:], unpackQ3_K, src, func(g int) byte { return scaleQ3_K(src, g) - 32 })
	}
}

// timesNegated returns −scale·(code−4) for each of eight codes below 8. Plus
// 128, no byte carries into the next.
func timesNegated(codes uint64, scale int) uint64 {
	// The sign of a 64-bit product does not matter: bytes are added up modulo 2^64.
	return (uint64(128+4*scale)*eachByte - codes*uint64(scale)) ^ 0x80*eachByte
}

// scaleQ3_K returns the scale of group g, plus 32.
func scaleQ3_K(src []byte, g int) byte {
	scales := (*[12]byte)(src[96:])
	return scales[g%8]>>(g/8*4)&15 | scales[8+g%4]>>(g/4*2)&3<<4
}

func unpackQ3_K(b *block, src []byte) {
	high, d := (*[32]byte)(src), getHalf(src[108:])
	for g := range b.scale {
		b.scale[g], b.min[g] = d*float32(int8(scaleQ3_K(src, g))-32), 0
	}
	unpackTwo(b, src[32:96])
	for g := range superCols / 32 {
		code := (*[32]int8)(b.code[g*32:])
		for i, h := range high {
			code[i] += int8(h>>g&1)<<2 - 4
		}
	}
}
