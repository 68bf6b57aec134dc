package vec

import (
	"encoding/binary"
	"math"
)

// Code is how small codes, the first in the lowest bits of a byte, stand for
// levels.
type Code uint8

// The codes: integers of 8, 4 and 2 bits, and the 8-bit floats of OCP OFP8.
const (
	CodeI8 Code = iota
	CodeU8
	CodeU4
	CodeU2
	CodeE4M3
	CodeE5M2
)

// Bits returns the size of a code.
func (c Code) Bits() int { return [...]int{8, 8, 4, 2, 8, 8}[c] }

// line says what a group of codes begins with.
func (c Code) line() (half, minimum bool) {
	return c == CodeU4 || c == CodeU2, c == CodeU8 || c == CodeU4 || c == CodeU2
}

// header returns the bytes of a group before its codes.
func (c Code) header() int { return [...]int{4, 8, 4, 4, 4, 4}[c] }

// Levels decodes len(dst) codes, which fill whole bytes. If next is not nil it is
// read soon, and a kernel fetches it meanwhile.
func Levels(dst []float32, src []byte, c Code, next []byte) {
	want("Levels", "len(src)", len(src), (len(dst)*c.Bits()+7)/8)
	levels(dst, src, c, next)
}

// Groups decodes groups of width codes, which fill whole bytes, to dst. Before
// the codes of a group stand a scale and, of integers without sign, a minimum,
// in half precision with 4 and 2 bits, else in single: a value is level × scale +
// minimum, with a rounding after each. Next is as in Levels.
func Groups(dst []float32, src []byte, c Code, width int, next []byte) {
	if len(dst) == 0 {
		return
	}
	want("Groups", "width", width, 1)
	want("Groups", "len(src)", len(src), len(dst)/width*(c.header()+width*c.Bits()/8))
	groups(dst, src, c, width, next)
}

// Look writes the levels of 32 codes of 4 bits, of which the first 16 are in the
// low halves of src and the last 16 in the high ones.
func Look(dst *[32]byte, src *[16]byte, levels *[16]int8) { look(dst, src, levels) }

func lookGo(dst *[32]byte, src *[16]byte, levels *[16]int8) {
	for i, c := range src {
		dst[i], dst[i+len(src)] = byte(levels[c&15]), byte(levels[c>>4])
	}
}

func levelsGo(dst []float32, src []byte, c Code) {
	bits := c.Bits()
	for i := range dst {
		dst[i] = c.level(src[i*bits/8] >> (i * bits % 8))
	}
}

// level is that of the code in the lowest bits of b.
func (c Code) level(b byte) float32 {
	switch c {
	case CodeI8:
		return float32(int8(b))
	case CodeU4:
		b &= 15
	case CodeU2:
		b &= 3
	case CodeE4M3:
		h := uint16(b&0x80)<<8 | uint16(b&0x7f)<<7
		if b&0x7f == 0x7f {
			h |= 0x7e00
		}
		return 256 * halfValue(h)
	case CodeE5M2:
		return halfValue(uint16(b) << 8)
	}
	return float32(b)
}

func halfValue(h uint16) float32 {
	var v [1]float32
	f16ToF32Go(v[:], []byte{byte(h), byte(h >> 8)})
	return v[0]
}

func groupsGo(dst []float32, src []byte, c Code, width int) {
	half, hasMin := c.line()
	param := func(i int) float32 {
		if half {
			return halfValue(binary.LittleEndian.Uint16(src[2*i:]))
		}
		return math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
	for ; len(dst) >= width; dst = dst[width:] {
		scale, minimum := param(0), float32(0)
		if hasMin {
			minimum = param(1)
		}
		src = src[c.header():]
		levelsGo(dst[:width], src, c)
		for i, v := range dst[:width] {
			dst[i] = float32(v * scale)
			if hasMin {
				dst[i] += minimum
			}
		}
		src = src[width*c.Bits()/8:]
	}
}
