package quant

import "github.com/winnowlm/winnow/internal/vec"

// Q4_K is GGUF's super-block of 256 columns in 144 bytes: d and dmin in half
// precision; 12 bytes with eight scales and eight minimums of 6 bits; 128 bytes
// of codes, each 32 of which hold a group of 32 in their low halves and the next
// in their high ones. value = d·scale·code − dmin·minimum.
var Q4_K Format = &blockFormat{
	name: "q4_k", cols: superCols, bytes: 144, lo: 0, hi: 15,
	unpack: unpackQ4_K, fit: fitScaleMin(15), set: setQ4_K, mul: vec.MulQ4_K,
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

// fitScaleMin fits codes of 0..most in groups of 32 columns. Eight scales and
// minimums of 6 bits take 12 bytes: the first four of each the low bits of the
// first eight bytes, the low halves of the others the last four, their high bits
// the top of the first eight.
func fitScaleMin(most int) func(dst, code []byte, x []float32) {
	return func(dst, code []byte, x []float32) {
		r := fitRanges(code, x, 32, most, 63)
		r.halves(dst[0:], dst[2:])
		for g, p := 0, dst[4:16]; g < 4; g++ {
			s, m := r.scale[g+4], r.min[g+4]
			p[g] = r.scale[g] | s>>4<<6
			p[g+4] = r.min[g] | m>>4<<6
			p[g+8] = s&15 | m<<4
		}
	}
}

// scaleMin returns scale and minimum of group g from those 12 bytes.
func scaleMin(p []byte, g int) (scale, minimum byte) {
	if g < 4 {
		return p[g] & 63, p[g+4] & 63
	}
	return p[g+4]&15 | p[g-4]>>6<<4, p[g+4]>>4 | p[g]>>6<<4
}

// unpackScaleMin reads what Q4_K and Q5_K begin with.
func unpackScaleMin(b *block, src []byte) {
	d, dmin := getHalf(src[0:]), getHalf(src[2:])
	for g := range superCols / blockCols {
		s, m := scaleMin(src[4:16], g)
		scale, minimum := d*float32(s), dmin*float32(m)
		b.scale[2*g], b.scale[2*g+1] = scale, scale
		b.min[2*g], b.min[2*g+1] = minimum, minimum
	}
}
