package quant

import (
	"encoding/binary"

	"github.com/x448/float16"
)

// IQ4_XS is GGUF's super-block of 256 columns in 136 bytes: d in half precision;
// eight scales of 6 bits for 32 columns each, the high 2 bits together in 2
// bytes, then the low 4 in 4 bytes; then the codes of each 32 columns laid out
// as in Q4_0. value = d·(scale−32)·iq4Levels[code].
var IQ4_XS Format = &blockFormat{
	name: "iq4_xs", cols: superCols, bytes: 136,
	unpack: unpackIQ4_XS, fit: fitIQ4_XS, set: setIQ4_XS,
	recodeBlock: recodeIQ4_XS, parts: 2,
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
		s := d * float32(int8(scaleIQ4_XS(src, high, g))-32)
		b.scale[2*g], b.scale[2*g+1] = s, s
		b.min[2*g], b.min[2*g+1] = 0, 0
		unpackLevels(b.code[g*blockCols:], src[8+16*g:][:16], &iq4Levels)
	}
}

// scaleIQ4_XS returns the scale of group g, plus 32; high are bytes 2 and 3.
func scaleIQ4_XS(src []byte, high uint16, g int) byte {
	return src[4+g/2]>>(g%2*4)&15 | byte(high>>(2*g))&3<<4
}

// recodeIQ4_XS multiplies levels by their scales. The products are too large for
// one byte: they are 64 times the first part's codes plus the second's.
func recodeIQ4_XS(r *recodedRows, src []byte) bool {
	d := binary.LittleEndian.Uint16(src)
	d64 := 64 * float16.Frombits(d).Float32()
	if d64 > 65504 || d64 < -65504 {
		return false
	}
	high, scales := binary.LittleEndian.Uint16(src[2:]), [2]uint16{float16.Fromfloat32(d64).Bits(), d}
	for g := range superCols / blockCols {
		products := &iq4Products[scaleIQ4_XS(src, high, g)]
		for p := range products {
			to := (*[sizeQ8_0]byte)(r.parts[p][g*sizeQ8_0:])
			binary.LittleEndian.PutUint16(to[:], scales[p])
			recodeLevels(to[2:], src[8+16*g:], &products[p])
		}
	}
	return true
}

// iq4Products holds levels times a scale less 32, as 64 times the first plus the
// second, which is in −32..31.
var iq4Products = func() (p [64][2][16]int8) {
	for scale := range p {
		for c, level := range iq4Levels {
			product := (scale - 32) * int(level)
			first := (product + 32) >> 6
			p[scale][0][c], p[scale][1][c] = int8(first), int8(product-first<<6)
		}
	}
	return p
}()
