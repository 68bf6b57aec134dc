package quant

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/winnowlm/winnow/internal/vec"
	"github.com/x448/float16"
)

// blockFormat is a format of GGUF: blocks of columns, each with its scales. A
// file for each says how a block is laid out and fitted; the rest is here. The
// layouts and the quantizers are those of ggml (ggml-common.h, ggml-quants.c).
type blockFormat struct {
	name        string
	cols, bytes int // of a block
	lo, hi      int // of codes that are whole numbers of a scale; both 0 where they stand for other levels
	unpack      func(b *block, src []byte)
	fit         func(dst, code []byte, x []float32) // writes the scales for x, which is finite, to dst, and codes above lo to code
	set         func(dst, code []byte)              // writes the codes to dst
	// mul multiplies the input's 8-bit codes.
	mul func(dst []float32, ld int, a *vec.Q8, w []byte, rows int)
	// recodeBlock, without mul, recodes a block as recoder says.
	recodeBlock func(r *recodedRows, src []byte) bool
	base        Format // of the rows that it writes, Q8_0 if nil
	parts       int
	mins        bool
}

const (
	// blockCols is the number of columns of the older formats' blocks.
	blockCols = 32
	// superCols is that of the k-quants, whose groups have scales of scales.
	superCols = 256
	// groupCols is the least number of columns that have a scale of their own.
	groupCols = 16
)

// block is the contents of a block of any format: value i is
// scale[i/groupCols]·code[i] − min[i/groupCols]. Scales and minimums are exact
// products of what the format stores, so a value is rounded once or twice, as in
// ggml.
type block struct {
	code       [superCols]int8
	scale, min [superCols / groupCols]float32
}

// values writes the first len(x) values to x.
func (b *block) values(x []float32) {
	for g := range len(x) / groupCols {
		codes, scale, minimum := (*[groupCols]int8)(b.code[g*groupCols:]), b.scale[g], b.min[g]
		for i, c := range codes {
			x[g*groupCols+i] = float32(scale*float32(c)) - minimum
		}
	}
}

// one sets scale and minimum of a block of blockCols, which has one of each.
func (b *block) one(scale, minimum float32) {
	b.scale[0], b.scale[1] = scale, scale
	b.min[0], b.min[1] = minimum, minimum
}

func (f *blockFormat) Name() string            { return f.name }
func (f *blockFormat) Block() int              { return f.cols }
func (f *blockFormat) Size(rows, cols int) int { return linear(rows, cols, f.cols, f.bytes) }

// Encode counts NaN as 0 and an infinity as the block's largest finite value.
func (f *blockFormat) Encode(dst []byte, src []float32, rows, cols int) {
	x, code := make([]float32, f.cols), make([]byte, f.cols)
	for b := range rows * cols / f.cols {
		copy(x, src[b*f.cols:])
		makeFinite(x)
		to := dst[b*f.bytes:][:f.bytes]
		f.fit(to, code, x)
		f.set(to, code)
	}
}

func makeFinite(x []float32) {
	most := maxAbs(x)
	for i, v := range x {
		switch {
		case v != v:
			x[i] = 0
		case v > most:
			x[i] = most
		case v < -most:
			x[i] = -most
		}
	}
}

func (f *blockFormat) Decode(dst []float32, m Matrix, lo, hi int) {
	data := m.Data[f.Size(lo, m.Cols):f.Size(hi, m.Cols)]
	b := blocks.Get().(*block)
	defer blocks.Put(b)
	clear(b.min[:]) // which not every format sets
	for i := range (hi - lo) * m.Cols / f.cols {
		f.unpack(b, data[i*f.bytes:][:f.bytes])
		b.values(dst[i*f.cols:][:f.cols])
	}
}

func (f *blockFormat) MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	switch {
	case x.coded && f.mul != nil:
		f.mul(dst, ld, &x.codes, m.Data[f.Size(lo, m.Cols):f.Size(hi, m.Cols)], hi-lo)
	case x.coded && f.recodeBlock != nil:
		recodedMulT(f, dst, ld, x, m, lo, hi)
	default:
		decodedMulT(dst, ld, x, m, lo, hi)
	}
}

func (f *blockFormat) recodes() (parts int, mins, lines bool) { return f.parts, f.mins, false }

func (f *blockFormat) target() *blockFormat {
	if f.base != nil {
		return f.base.(*blockFormat)
	}
	return Q8_0.(*blockFormat)
}

func (f *blockFormat) recode(r recodedRows, m Matrix, j int) bool {
	for row := m.Row(j); len(row) > 0; row = row[f.bytes:] {
		if !f.recodeBlock(&r, row) {
			return false
		}
		r = r.after(f.cols)
	}
	return true
}

func (f *blockFormat) MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	decodedMulAdd(dst, p, ld, n, m, lo, hi)
}

// blocks are for unpack, which as a variable would move one to the heap.
var blocks = sync.Pool{New: func() any { return new(block) }}

// putHalf writes x in half precision, saturated so that no scale is infinite,
// and returns what a reader will see.
func putHalf(dst []byte, x float32) float32 {
	const largest = 65504
	h := float16.Fromfloat32(max(-largest, min(x, largest)))
	binary.LittleEndian.PutUint16(dst, h.Bits())
	return h.Float32()
}

func getHalf(src []byte) float32 {
	return float16.Frombits(binary.LittleEndian.Uint16(src)).Float32()
}

// inverse returns 1/x, and 0 for a scale too small for it.
func inverse(x float32) float32 {
	if inv := 1 / x; max(inv, -inv) <= math.MaxFloat32 {
		return inv
	}
	return 0
}

// extreme returns the value of largest magnitude, sign kept.
func extreme(x []float32) float32 {
	var m float32
	for _, v := range x {
		if max(v, -v) > max(m, -m) {
			m = v
		}
	}
	return m
}
