package quant

import "math"

// codec packs levels, in units of a scale, as codes of some bits, the first in
// the lowest bits of a byte.
type codec struct {
	bits  int
	most  float32              // symmetric levels reach from −most to most
	steps float32              // asymmetric ones from 0 to steps
	code  func(x float32) byte // of the level nearest to x, ties to even; of 0 for NaN
	// bytes, where levels are integers, writes the levels of blockCols codes less
	// offset as signed bytes.
	bytes  func(dst *[blockCols]byte, src []byte)
	offset float32
	// level holds the levels that the codes in a byte stand for.
	level [256][4]float32
}

// signedCodec has integers of some bits in two's complement. The lowest is not
// used, so that both signs reach as far.
func signedCodec(bits int) *codec {
	most := float32(int(1)<<(bits-1) - 1)
	return (&codec{bits: bits, most: most, code: func(x float32) byte {
		return byte(nearest(x, int(-most), int(most)))
	}}).fill(func(c byte) float32 { return float32(int8(c<<(8-bits)) >> (8 - bits)) })
}

// unsignedCodec has integers from 0 on.
func unsignedCodec(bits int) *codec {
	steps := float32(int(1)<<bits - 1)
	return (&codec{bits: bits, steps: steps, code: func(x float32) byte {
		return byte(nearest(x, 0, int(steps)))
	}}).fill(func(c byte) float32 { return float32(c) })
}

// floatCodec has 8-bit floating-point values, saturated.
func floatCodec(f *FP8) *codec {
	return (&codec{bits: 8, most: f.largest, code: func(x float32) byte {
		if x != x {
			return 0
		}
		return f.Encode(x, true)
	}}).fill(f.Decode)
}

// fill makes the table of levels.
func (c *codec) fill(level func(code byte) float32) *codec {
	mask := byte(1<<c.bits - 1)
	for b := range c.level {
		for i := range 8 / c.bits {
			c.level[b][i] = level(byte(b) >> (i * c.bits) & mask)
		}
	}
	return c
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

// get unpacks the levels.
func (c *codec) get(level []float32, src []byte) {
	switch c.bits {
	case 8:
		for i, b := range src[:len(level)] {
			level[i] = c.level[b][0]
		}
	case 4:
		for i, b := range src[:len(level)/2] {
			*(*[2]float32)(level[2*i:]) = [2]float32(c.level[b][:])
		}
	case 2:
		for i, b := range src[:len(level)/4] {
			*(*[4]float32)(level[4*i:]) = c.level[b]
		}
	}
}

// nearest rounds x, ties to even, to the codes lo..hi; NaN counts as 0.
func nearest(x float32, lo, hi int) int {
	if x != x {
		return 0
	}
	return int(max(float64(lo), min(math.RoundToEven(float64(x)), float64(hi))))
}
