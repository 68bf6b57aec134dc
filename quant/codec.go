package quant

import "github.com/winnowlm/winnow/internal/vec"

// codec packs levels, in units of a scale, as codes of some bits, the first in
// the lowest bits of a byte.
type codec struct {
	kind  vec.Code // what levels the codes stand for
	bits  int
	most  float32              // symmetric levels reach from −most to most
	steps float32              // asymmetric ones from 0 to steps
	code  func(x float32) byte // of the level nearest to x, ties to even; of 0 for NaN
	// bytes, where levels are integers, writes the levels of blockCols codes less
	// offset as signed bytes.
	bytes  func(dst *[blockCols]byte, src []byte)
	offset float32
}

// signedCodec has integers of 8 bits in two's complement. The lowest is not
// used, so that both signs reach as far.
func signedCodec() *codec {
	return &codec{kind: vec.CodeI8, bits: 8, most: 127, code: func(x float32) byte { return byte(nearest(x, -127, 127)) }}
}

// unsignedCodec has integers from 0 on.
func unsignedCodec(kind vec.Code) *codec {
	steps := 1<<kind.Bits() - 1
	return &codec{kind: kind, bits: kind.Bits(), steps: float32(steps), code: func(x float32) byte { return byte(nearest(x, 0, steps)) }}
}

// floatCodec has 8-bit floating-point values, saturated.
func floatCodec(kind vec.Code, f *FP8) *codec {
	return &codec{kind: kind, bits: 8, most: f.largest, code: func(x float32) byte {
		if x != x {
			return 0
		}
		return f.Encode(x, true)
	}}
}

// integers sets how levels become signed bytes.
func (c *codec) integers(bytes func(dst *[blockCols]byte, src []byte), offset float32) *codec {
	c.bytes, c.offset = bytes, offset
	return c
}

// put packs the levels and returns the bytes they take.
func (c *codec) put(dst []byte, level []float32) int {
	per := 8 / c.bits
	for i := range len(level) / per {
		var b byte
		for k, v := range level[i*per:][:per] {
			b |= c.code(v) << (k * c.bits)
		}
		dst[i] = b
	}
	return len(level) / per
}

// nearest rounds x, ties to even, to the codes lo..hi, which are below 2^22 in
// magnitude; NaN counts as 0.
func nearest(x float32, lo, hi int) int {
	const round = 0x1.8p23 // added and taken off again, it rounds to an integer
	switch least, most := float32(lo), float32(hi); {
	case x != x:
		return 0
	case x < least:
		return lo
	case x > most:
		return hi
	}
	return int(x + round - round)
}
