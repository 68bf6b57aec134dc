package quant

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/winnowlm/winnow/internal/vec"
)

// fours is Int8 for exact products with 16-bit codes of the other side: the
// scales of the rows, then the codes plus 128 by fours: of keys four channels of
// a row, [cols/4][rows][4], of values four rows of a channel, [rows/4][cols][4].
type fours struct {
	*grouped
	name   string
	values bool
}

var (
	int8Keys   Format = &fours{Int8.(*grouped), "int8-keys", false}
	int8Values Format = &fours{Int8.(*grouped), "int8-values", true}
)

func (f *fours) Name() string  { return f.name }
func (f *fours) Block() int    { return 4 }
func (f *fours) plain() Format { return f.grouped }

const (
	scaleSize = 4   // bytes of a row's scale
	foursMost = 512 // products of codes whose sum fits 32 bits
)

// at returns where the code of row j and channel d is.
func (f *fours) at(rows, cols, j, d int) int {
	codes := rows * scaleSize
	if !f.values {
		return codes + (d/4*rows+j)*4 + d%4
	}
	four := min(4, rows-j/4*4) // the last rows may be fewer
	return codes + j/4*4*cols + d*four + j%4
}

const flipSign = 0x80 // of a code, is adding 128

func (f *fours) appendRow(dst []byte, m Matrix, j int) []byte {
	dst = append(dst, m.Data[j*scaleSize:][:scaleSize]...)
	for d := range m.Cols {
		dst = append(dst, m.Data[f.at(m.Rows, m.Cols, j, d)]^flipSign)
	}
	return dst
}

func (f *fours) setRow(m Matrix, j int, row []byte) {
	copy(m.Data[j*scaleSize:], row[:scaleSize])
	codes, dst := row[scaleSize:], m.Data[f.at(m.Rows, m.Cols, j, 0):]
	if f.values {
		four := min(4, m.Rows-j/4*4)
		for d, c := range codes {
			dst[d*four] = c ^ flipSign
		}
		return
	}
	for d := 0; d < len(codes); d += 4 {
		binary.LittleEndian.PutUint32(dst[d*m.Rows:], binary.LittleEndian.Uint32(codes[d:])^0x01010101*flipSign)
	}
}

func (f *fours) copyRows(m Matrix, i int, from Matrix, rows []int32) {
	for n, j := range rows {
		copy(m.Data[(i+n)*scaleSize:][:scaleSize], from.Data[int(j)*scaleSize:])
	}
	// A step goes to the next channel of a value, or the next four of a key.
	width, steps := 1, m.Cols
	if !f.values {
		width, steps = 4, m.Cols/4
	}
	for n, j := range rows {
		to, at := f.at(m.Rows, m.Cols, i+n, 0), f.at(from.Rows, from.Cols, int(j), 0)
		toStep, step := f.at(m.Rows, m.Cols, i+n, width)-to, f.at(from.Rows, from.Cols, int(j), width)-at
		for range steps {
			copy(m.Data[to:to+width], from.Data[at:])
			to, at = to+toStep, at+step
		}
	}
}

func (f *fours) Encode(dst []byte, src []float32, rows, cols int) {
	plain := make([]byte, f.Size(rows, cols))
	f.grouped.Encode(plain, src, rows, cols)
	m, size := Matrix{Format: f, Rows: rows, Cols: cols, Data: dst}, f.rowSize(cols)
	for j := range rows {
		f.setRow(m, j, plain[j*size:][:size])
	}
}

func (f *fours) Decode(dst []float32, m Matrix, lo, hi int) {
	for j := lo; j < hi; j++ {
		scale := math.Float32frombits(binary.LittleEndian.Uint32(m.Data[j*scaleSize:]))
		row := dst[(j-lo)*m.Cols:][:m.Cols]
		for d := range row {
			row[d] = scale * float32(int8(m.Data[f.at(m.Rows, m.Cols, j, d)]^flipSign))
		}
	}
}

// foursScratch is the memory of a product.
type foursScratch struct {
	codes  vec.Q16
	x      []float32
	padded []byte
	rows   []int32
}

var foursPool = sync.Pool{New: func() any { return new(foursScratch) }}

// whole returns m with its number of rows rounded up to what kernels take.
func (f *fours) whole(m Matrix, s *foursScratch) Matrix {
	if m.Rows%columnLanes == 0 {
		return m
	}
	w := Matrix{Format: f, Rows: (m.Rows + columnLanes - 1) / columnLanes * columnLanes, Cols: m.Cols, next: m.next}
	s.padded = vec.Resize(s.padded, f.Size(w.Rows, w.Cols))
	clear(s.padded)
	w.Data = s.padded
	s.rows = s.rows[:0]
	for j := range m.Rows {
		s.rows = append(s.rows, int32(j))
	}
	f.copyRows(w, 0, m, s.rows)
	return w
}

func (f *fours) MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	s := foursPool.Get().(*foursScratch)
	defer foursPool.Put(s)
	codes := &x.wide
	if !x.widened {
		codes = &s.codes
		codes.Resize(x.N, x.Cols)
		codes.Quantize(x.X, x.Cols, nil)
	}
	m = f.whole(m, s)
	scales, w := m.Data[:m.Rows*scaleSize], m.Data[m.Rows*scaleSize:]
	if hi-lo == m.Rows {
		vec.DotFours(dst, ld, codes, w, scales, m.Rows, m.next)
		return
	}
	s.x = vec.Resize(s.x, x.N*m.Rows)
	vec.DotFours(s.x, m.Rows, codes, w, scales, m.Rows, m.next)
	for q := range x.N {
		copy(dst[q*ld:][:hi-lo], s.x[q*m.Rows+lo:])
	}
}

func (f *fours) MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	s := foursPool.Get().(*foursScratch)
	defer foursPool.Put(s)
	m = f.whole(m, s)
	if hi-lo != m.Rows {
		s.x = vec.Resize(s.x, n*m.Rows)
		clear(s.x)
		for q := range n {
			copy(s.x[q*m.Rows+lo:], p[q*ld:][:hi-lo])
		}
		p, ld = s.x, m.Rows
	}
	s.codes.Resize(n, m.Rows)
	s.codes.Quantize(p, ld, m.Data[:m.Rows*scaleSize])
	vec.AddFours(dst, &s.codes, m.Data[m.Rows*scaleSize:], m.Cols, m.next)
}
