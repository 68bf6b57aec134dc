package vec

import (
	"encoding/binary"
	"math"
)

// tiniest is the largest magnitude of a block of Q8 that counts as zero; the
// inverse of a much smaller scale would overflow.
const tiniest = 0x1p-120

// quantizeGo leaves the wide codes alone, which only assembly reads.
func quantizeGo(a *Q8, at int, x []float32, blocks int) {
	codes, meta := a.codes[at:], a.meta[at/Block:]
	for b := range blocks {
		meta[b] = quantizeBlock((*[Block]int8)(codes[b*Block:]), (*[Block]float32)(x[b*Block:]))
	}
}

func quantizeBlock(codes *[Block]int8, x *[Block]float32) blockMeta {
	// As integers, magnitudes compare the same, and infinities and NaNs are the largest.
	var most uint32
	for _, v := range x {
		most = max(most, math.Float32bits(v)&0x7fffffff)
	}
	largest := math.Float32frombits(most)
	if most >= 0x7f800000 || largest < tiniest {
		*codes = [Block]int8{}
		return blockMeta{scale: largest - largest}
	}
	inv := 127 / largest
	m := blockMeta{scale: largest / 127}
	for i, v := range x {
		c := int32(float32(v*inv) + round - round)
		codes[i] = int8(c)
		m.offset -= 128 * c
		m.pairs[i/2%2] -= 8 * int16(c)
	}
	return m
}

func mulQ8_0Go(dst []float32, ld int, a *Q8, w []byte, rows int) {
	blocks := a.Cols / Block
	for j := range rows {
		row := w[j*blocks*sizeQ8_0:][:blocks*sizeQ8_0]
		for q := range a.N {
			codes, meta := a.codes[q*a.Cols:], a.meta[q*blocks:]
			var acc float32
			for b := range blocks {
				v := row[b*sizeQ8_0:][:sizeQ8_0]
				d := f16(binary.LittleEndian.Uint16(v))
				i := dotBlockQ8((*[Block]byte)(v[2:]), (*[Block]int8)(codes[b*Block:]))
				acc += float32(i) * (d * meta[b].scale)
			}
			dst[q*ld+j] = acc
		}
	}
}

func mulQ4_0Go(dst []float32, ld int, a *Q8, w []byte, rows int) {
	blocks := a.Cols / Block
	for j := range rows {
		row := w[j*blocks*sizeQ4_0:][:blocks*sizeQ4_0]
		for q := range a.N {
			codes, meta := a.codes[q*a.Cols:], a.meta[q*blocks:]
			var acc float32
			for b := range blocks {
				v := row[b*sizeQ4_0:][:sizeQ4_0]
				d := f16(binary.LittleEndian.Uint16(v))
				i := dotBlockQ4((*[Block / 2]byte)(v[2:]), (*[Block]int8)(codes[b*Block:])) + meta[b].offset/16
				acc += float32(i) * (d * meta[b].scale)
			}
			dst[q*ld+j] = acc
		}
	}
}

func dotBlockQ8(w *[Block]byte, x *[Block]int8) int32 {
	var s int32
	for i, v := range w {
		s += int32(int8(v)) * int32(x[i])
	}
	return s
}

// dotBlockQ4 leaves the offset of the weights' codes in.
func dotBlockQ4(w *[Block / 2]byte, x *[Block]int8) int32 {
	var s int32
	for i, v := range w {
		s += int32(v&15)*int32(x[i]) + int32(v>>4)*int32(x[i+Block/2])
	}
	return s
}
