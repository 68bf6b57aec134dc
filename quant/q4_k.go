package quant

import "github.com/winnowlm/winnow/internal/vec"

// Q4_K is GGUF's super-block of 256 columns in 144 bytes: d and dmin in half
// precision; 12 bytes with eight scales and eight minimums of 6 bits; 128 bytes
// of codes, each 32 of which hold a group of 32 in their low halves and the next
// in their high ones. value = d·scale·code − dmin·minimum.
var Q4_K Format = &blockFormat{"q4_k", superCols, 144, unpackQ4_K, putQ4_K, vec.MulQ4_K}

func putQ4_K(dst []byte, x []float32) {
	r := fitRanges(x, 32, 15, 63)
	r.halves(dst[0:], dst[2:])
	packScaleMin(dst[4:16], &r)
	setQ4_K(dst, r.code[:])
}

func setQ4_K(dst, code []byte) {
	for i := range 128 {
		at := i/32*64 + i%32
		dst[16+i] = code[at] | code[at+32]<<4
	}
}

func unpackQ4_K(b *block, src []byte) {
	unpackScaleMin(b, src)
	for i, c := range src[16:144] {
		at := i/32*64 + i%32
		b.code[at] = int8(c & 15)
		b.code[at+32] = int8(c >> 4)
	}
}

// packScaleMin packs eight scales and minimums of 6 bits in 12 bytes: the first
// four of each in the low bits of the first eight bytes, the low halves of the
// others in the last four, their high bits on top of the first eight.
func packScaleMin(dst []byte, r *ranges) {
	for g := range 4 {
		s, m := r.scale[g+4], r.min[g+4]
		dst[g] = r.scale[g] | s>>4<<6
		dst[g+4] = r.min[g] | m>>4<<6
		dst[g+8] = s&15 | m<<4
	}
}

// unpackScaleMin reads what Q4_K and Q5_K begin with.
func unpackScaleMin(b *block, src []byte) {
	d, dmin, p := getHalf(src[0:]), getHalf(src[2:]), src[4:16]
	set := func(g int, s, m byte) {
		scale, minimum := d*float32(s), dmin*float32(m)
		b.scale[2*g], b.scale[2*g+1] = scale, scale
		b.min[2*g], b.min[2*g+1] = minimum, minimum
	}
	for g := range 4 {
		set(g, p[g]&63, p[g+4]&63)
		set(g+4, p[g+8]&15|p[g]>>6<<4, p[g+8]>>4|p[g+4]>>6<<4)
	}
}
