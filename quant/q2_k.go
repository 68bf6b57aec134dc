package quant

import (
	"encoding/binary"
	"math"
)

// Q2_K is GGUF's super-block of 256 columns in 84 bytes: sixteen bytes, of 16
// columns each, with a scale in the low and a minimum in the high half; 64 bytes
// of 2-bit codes, of which each 32 hold columns i, i+32, i+64 and i+96 of 128,
// the first lowest; d and dmin in half precision. value = d·scale·code −
// dmin·minimum.
var Q2_K Format = &blockFormat{
	name: "q2_k", cols: superCols, bytes: 84, lo: 0, hi: 3,
	unpack: unpackQ2_K, fit: fitQ2_K, set: setTwo(16),
	recodeBlock: recodeQ2_K, parts: 1, mins: true,
}

func fitQ2_K(dst, code []byte, x []float32) {
	r := fitRanges(code, x, groupCols, 3, 15)
	for g := range r.scale {
		dst[g] = r.scale[g] | r.min[g]<<4
	}
	r.halves(dst[80:], dst[82:])
}

func unpackQ2_K(b *block, src []byte) {
	d, dmin := getHalf(src[80:]), getHalf(src[82:])
	for g, s := range src[:16] {
		b.scale[g], b.min[g] = d*float32(s&15), dmin*float32(s>>4)
	}
	unpackTwo(b, src[16:80])
}

// recodeQ2_K multiplies codes by their scales: products of at most 45 with d for
// a scale.
func recodeQ2_K(r *recodedRows, src []byte) bool {
	dmin := getHalf(src[82:])
	for g, s := range src[:16] {
		binary.LittleEndian.PutUint32(r.mins[4*g:], math.Float32bits(dmin*float32(s>>4)))
	}
	for b := range superCols / blockCols {
		to, codes := (*[sizeQ8_0]byte)(r.parts[0][b*sizeQ8_0:]), (*[32]byte)(src[16+b/4*32:])
		to[0], to[1] = src[80], src[81]
		low, high, shift := uint64(src[2*b]&15), uint64(src[2*b+1]&15), b%4*2
		putWord(to[2:], getWord(codes[0:])>>shift&(3*eachByte)*low)
		putWord(to[10:], getWord(codes[8:])>>shift&(3*eachByte)*low)
		putWord(to[18:], getWord(codes[16:])>>shift&(3*eachByte)*high)
		putWord(to[26:], getWord(codes[24:])>>shift&(3*eachByte)*high)
	}
	return true
}

// setTwo writes the low 2 bits of 256 codes to the 64 bytes from at on.
func setTwo(at int) func(dst, code []byte) {
	return func(dst, code []byte) {
		dst = dst[at : at+superCols/4]
		clear(dst)
		for i, c := range code {
			dst[i/128*32+i%32] |= c & 3 << (i % 128 / 32 * 2)
		}
	}
}

// unpackTwo reads what setTwo wrote.
func unpackTwo(b *block, src []byte) {
	for half := range 2 {
		code := (*[128]int8)(b.code[half*128:])
		for i, c := range src[half*32:][:32] {
			code[i], code[i+32], code[i+64], code[i+96] = int8(c&3), int8(c>>2&3), int8(c>>4&3), int8(c>>6)
		}
	}
}
