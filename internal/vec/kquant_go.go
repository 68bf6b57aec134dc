package vec

import "encoding/binary"

// scaleMin returns scale and minimum of block b < 8 from the 12 bytes that hold
// sixteen values of 6 bits: the first four of each in the low bits of the first
// eight bytes; the others' low halves in the last four, their high bits on top
// of the first eight.
func scaleMin(packed *[12]byte, b int) (scale, minimum byte) {
	if b < 4 {
		return packed[b] & 63, packed[b+4] & 63
	}
	return packed[b+4]&15 | packed[b-4]>>6<<4, packed[b+4]>>4 | packed[b]>>6<<4
}

func mulQ4_KGo(dst []float32, ld int, a *Q8, w []byte, rows int) {
	supers := a.Cols / SuperBlock
	for j := range rows {
		row := w[j*supers*sizeQ4_K:][:supers*sizeQ4_K]
		for q := range a.N {
			codes, meta := a.codes[q*a.Cols:], a.meta[q*a.Cols/Block:]
			var acc float32
			for s := range supers {
				acc = addQ4_K(acc, (*[sizeQ4_K]byte)(row[s*sizeQ4_K:]),
					(*[SuperBlock]int8)(codes[s*SuperBlock:]), (*[SuperBlock / Block]blockMeta)(meta[s*SuperBlock/Block:]))
			}
			dst[q*ld+j] = acc
		}
	}
}

// addQ4_K adds the product of a super-block to acc.
func addQ4_K(acc float32, w *[sizeQ4_K]byte, codes *[SuperBlock]int8, meta *[SuperBlock / Block]blockMeta) float32 {
	d, dmin := f16(binary.LittleEndian.Uint16(w[0:])), f16(binary.LittleEndian.Uint16(w[2:]))
	for b := 0; b < SuperBlock/Block; b += 2 {
		bytes := (*[Block]byte)(w[16+b/2*Block:])
		x, y := (*[Block]int8)(codes[b*Block:]), (*[Block]int8)(codes[(b+1)*Block:])
		var low, high int32
		for i, v := range bytes {
			low += int32(v&15) * int32(x[i])
			high += int32(v>>4) * int32(y[i])
		}
		for k, sum := range [2]int32{low, high} {
			scale, minimum := scaleMin((*[12]byte)(w[4:]), b+k)
			m := &meta[b+k]
			acc += float32(sum) * (d * float32(scale) * m.scale)
			acc -= float32(m.sum()) * (dmin * float32(minimum) * m.scale)
		}
	}
	return acc
}

// sum returns the sum of the block's codes.
func (m *blockMeta) sum() int32 { return m.offset / -128 }

func mulQ6_KGo(dst []float32, ld int, a *Q8, w []byte, rows int) {
	supers := a.Cols / SuperBlock
	for j := range rows {
		row := w[j*supers*sizeQ6_K:][:supers*sizeQ6_K]
		for q := range a.N {
			codes, meta := a.codes[q*a.Cols:], a.meta[q*a.Cols/Block:]
			var acc float32
			for s := range supers {
				acc = addQ6_K(acc, (*[sizeQ6_K]byte)(row[s*sizeQ6_K:]),
					(*[SuperBlock]int8)(codes[s*SuperBlock:]), (*[SuperBlock / Block]blockMeta)(meta[s*SuperBlock/Block:]))
			}
			dst[q*ld+j] = acc
		}
	}
}

// addQ6_K adds the product of a super-block to acc. Of each half of it, 64
// bytes hold the low bits of blocks 0 and 1 in their low halves and of 2 and 3
// in their high ones, 32 bytes the high bits of all four, block 0 lowest.
func addQ6_K(acc float32, w *[sizeQ6_K]byte, codes *[SuperBlock]int8, meta *[SuperBlock / Block]blockMeta) float32 {
	d := f16(binary.LittleEndian.Uint16(w[208:]))
	for b := range SuperBlock / Block {
		half, part := b/4, b%4
		low := (*[Block]byte)(w[64*half+part%2*Block:])
		high := (*[Block]byte)(w[128+half*Block:])
		x := (*[Block]int8)(codes[b*Block:])
		var sums [2]int32 // of 16 values each
		for i, h := range high {
			code := low[i]>>(part/2*4)&15 | h>>(2*part)&3<<4
			sums[i/16] += (int32(code) - 32) * int32(x[i])
		}
		scales := w[192+2*b:][:2]
		sum := sums[0]*int32(int8(scales[0])) + sums[1]*int32(int8(scales[1]))
		acc += float32(sum) * (d * meta[b].scale)
	}
	return acc
}
