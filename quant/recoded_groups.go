package quant

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
)

// Rows of integers in groups are recoded as follows. Scales in half precision
// are those of Q8_0. A scale of the whole row, or the whole matrix, is the line's,
// and Q8_0's are 1. Other scales in single precision are sums of two in half
// precision, times a power of two which is the line's, so that they lose as
// little as a rounding of single precision.

const oneF16 = 0x3c00

func (f *grouped) target() *blockFormat { return Q8_0.(*blockFormat) }

func (f *grouped) recodes() (parts int, mins, lines bool) {
	switch {
	case f.codec.bytes == nil || f.share == perChannel:
		return 0, false, false
	case !f.single:
		return 1, f.asym, false
	case f.group > 0:
		return 2, f.asym, true
	}
	return 1, false, true
}

func (f *grouped) recode(r recodedRows, m Matrix, j int) bool {
	row, l := m.Data[f.header(m.Cols)+j*f.rowSize(m.Cols):][:f.rowSize(m.Cols)], line{}
	switch {
	case !f.single:
		f.recodeHalf(r, row)
		return true
	case f.group > 0:
		return f.recodeSingle(r, row)
	case f.share == perTensor:
		l = f.get(m.Data, 0, 1)
	default:
		l = f.get(row, 0, 1)
		row = row[f.paramSize():]
	}
	l.min += f.codec.offset * l.scale
	r.setLine(l)
	for to := r.parts[0]; len(row) > 0; row = row[blockCols:] {
		f.recodeCodes(to, oneF16, row)
		to = to[sizeQ8_0:]
	}
	return true
}

// recodeCodes writes a block of Q8_0.
func (f *grouped) recodeCodes(dst []byte, scale uint16, codes []byte) {
	to := (*[sizeQ8_0]byte)(dst)
	binary.LittleEndian.PutUint16(to[:], scale)
	f.codec.bytes((*[blockCols]byte)(to[2:]), codes)
}

// recodeHalf recodes groups with scales in half precision.
func (f *grouped) recodeHalf(r recodedRows, row []byte) {
	to, mins, size := r.parts[0], r.mins, blockCols*f.codec.bits/8
	for len(row) > 0 {
		scale, least := binary.LittleEndian.Uint16(row), -f.get(row, 0, 1).min
		row = row[f.paramSize():]
		for range f.group / blockCols {
			f.recodeCodes(to, scale, row)
			to, row, mins = to[sizeQ8_0:], row[size:], putMin(mins, least)
		}
	}
}

// recodeSingle recodes groups of blockCols with scales in single precision.
func (f *grouped) recodeSingle(r recodedRows, row []byte) bool {
	size := f.paramSize() + blockCols
	var most float32
	for at := 0; at < len(row); at += size {
		most = max(most, f.get(row[at:], 0, 1).scale)
	}
	_, exp := math.Frexp(float64(most))
	unit := float32(math.Ldexp(1, exp-15))
	if !(most <= math.MaxFloat32) || unit == 0 {
		return false
	}
	r.setLine(line{scale: unit})
	for ; len(row) > 0; row = row[size:] {
		g := f.get(row, 0, 1)
		s := g.scale / unit
		high := float16.Fromfloat32(s)
		f.recodeCodes(r.parts[0], high.Bits(), row[f.paramSize():])
		f.recodeCodes(r.parts[1], float16.Fromfloat32(s-high.Float32()).Bits(), row[f.paramSize():])
		if f.asym {
			putMin(r.mins, -g.min/unit-f.codec.offset*s)
		}
		r = r.after(blockCols)
	}
	return true
}

func signedBytes8(dst *[blockCols]byte, src []byte) { *dst = [blockCols]byte(src) }

// unsignedBytes8 takes 128 off.
func unsignedBytes8(dst *[blockCols]byte, src []byte) {
	for i := 0; i < blockCols; i += 8 {
		putWord(dst[i:], getWord(src[i:])^0x80*eachByte)
	}
}

func unsignedBytes4(dst *[blockCols]byte, src []byte) {
	for i := 0; i < blockCols; i += 8 {
		w := uint64(binary.LittleEndian.Uint32(src[i/2:]))
		w = (w | w<<16) & 0x0000ffff0000ffff
		w = (w | w<<8) & 0x00ff00ff00ff00ff
		putWord(dst[i:], (w|w<<4)&(15*eachByte))
	}
}

func unsignedBytes2(dst *[blockCols]byte, src []byte) {
	for i := 0; i < blockCols; i += 8 {
		w := uint64(binary.LittleEndian.Uint16(src[i/4:]))
		w = (w | w<<24) & 0x000000ff000000ff
		w = (w | w<<12) & 0x000f000f000f000f
		putWord(dst[i:], (w|w<<6)&(3*eachByte))
	}
}
