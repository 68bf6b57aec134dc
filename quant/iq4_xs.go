package quant

import "encoding/binary"

// IQ4_XS is GGUF's super-block of 256 columns in 136 bytes: d in half precision;
// eight scales of 6 bits for 32 columns each, the high 2 bits together in 2
// bytes, then the low 4 in 4 bytes; then the codes of each 32 columns laid out
// as in Q4_0. value = d·(scale−32)·iq4Levels[code].
var IQ4_XS Format = &blockFormat{
	name: "iq4_xs", cols: superCols, bytes: 136,
	unpack: unpackIQ4_XS, fit: fitIQ4_XS, set: setIQ4_XS,
}

func fitIQ4_XS(dst, code []byte, x []float32) {
	s := fitSigned(code, x, blockCols, iq4Grid, 32)
	putHalf(dst, s.d)
	var high uint16
	clear(dst[4:8])
	for g, c := range s.scale[:superCols/blockCols] {
		scale := byte(c + 32)
		high |= uint16(scale>>4) << (2 * g)
		dst[4+g/2] |= scale & 15 << (g % 2 * 4)
	}
	binary.LittleEndian.PutUint16(dst[2:], high)
}

func setIQ4_XS(dst, code []byte) {
	for g := range superCols / blockCols {
		setHalves(8+16*g)(dst, code[g*blockCols:])
	}
}

func unpackIQ4_XS(b *block, src []byte) {
	d, high := getHalf(src), binary.LittleEndian.Uint16(src[2:])
	for g := range superCols / blockCols {
		scale := src[4+g/2]>>(g%2*4)&15 | byte(high>>(2*g))&3<<4
		s := d * float32(int8(scale)-32)
		b.scale[2*g], b.scale[2*g+1] = s, s
		b.min[2*g], b.min[2*g+1] = 0, 0
		unpackLevels(b.code[g*blockCols:], src[8+16*g:][:16], &iq4Levels)
	}
}
