package quant

import (
	"encoding/binary"
	"sync"

	"github.com/winnowlm/winnow/internal/vec"
)

var f16Columns, bf16Columns Format = &columns{F16.(*floats)}, &columns{BF16.(*floats)}

// columns is a floating-point format by columns: the first value of each row,
// then the second of each, and so on. A product with a row is one chain of
// additions with columns ascending.
type columns struct{ *floats }

func (f *columns) Name() string { return f.name + "-columns" }

// column returns the bytes of column d of rows lo..hi.
func (f *columns) column(m []byte, rows, d, lo, hi int) []byte {
	return m[(d*rows+lo)*f.bytes : (d*rows+hi)*f.bytes]
}

func (f *columns) Encode(dst []byte, src []float32, rows, cols int) {
	s := decodedScratch.Get().(*[]float32)
	defer decodedScratch.Put(s)
	*s = vec.Resize(*s, rows*cols)
	vec.Transpose(*s, src, rows, cols)
	f.put(dst[:f.Size(rows, cols)], *s)
}

func (f *columns) Decode(dst []float32, m Matrix, lo, hi int) {
	s := decodedScratch.Get().(*[]float32)
	defer decodedScratch.Put(s)
	n := hi - lo
	*s = vec.Resize(*s, n*m.Cols)
	for d := range m.Cols {
		f.get((*s)[d*n:][:n], f.column(m.Data, m.Rows, d, lo, hi))
	}
	vec.Transpose(dst, *s, m.Cols, n)
}

// columnLanes divides the number of rows that every level of package vec
// multiplies in whole vectors.
const columnLanes = 16

func (f *columns) MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	n := hi - lo
	if n%columnLanes == 0 && (ld == n || x.N == 1) {
		clear(dst[:x.N*n])
		f.axpy(dst, x.X, x.Cols, x.N, m.Data[lo*f.bytes:], m.Rows*f.bytes, m.Cols, n, m.next)
		return
	}
	first, last := lo/columnLanes*columnLanes, (hi+columnLanes-1)/columnLanes*columnLanes
	if last > m.Rows {
		f.mulPadded(dst, ld, x, m, lo, hi)
		return
	}
	// With the rows beside them there are whole vectors.
	wide := last - first
	s := decodedScratch.Get().(*[]float32)
	defer decodedScratch.Put(s)
	*s = vec.Resize(*s, x.N*wide)
	clear(*s)
	f.axpy(*s, x.X, x.Cols, x.N, m.Data[first*f.bytes:], m.Rows*f.bytes, m.Cols, wide, nil)
	for q := range x.N {
		copy(dst[q*ld:][:n], (*s)[q*wide+lo-first:])
	}
}

// mulPadded multiplies with a few rows of zeros beside rows lo..hi.
func (f *columns) mulPadded(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	n := hi - lo
	wide := (n + columnLanes - 1) / columnLanes * columnLanes
	s := decodedScratch.Get().(*[]float32)
	defer decodedScratch.Put(s)
	*s = vec.Resize(*s, (m.Cols+x.N)*wide)
	clear(*s)
	rows, out := (*s)[:m.Cols*wide], (*s)[m.Cols*wide:]
	for d := range m.Cols {
		f.get(rows[d*wide:][:n], f.column(m.Data, m.Rows, d, lo, hi))
	}
	vec.AxpyF32(out, x.X, x.Cols, x.N, littleEndian(rows), 4*wide, m.Cols, wide, nil)
	for q := range x.N {
		copy(dst[q*ld:][:n], out[q*wide:])
	}
}

func (f *columns) MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	decodedMulAdd(dst, p, ld, n, m, lo, hi)
}

func (f *columns) plain() Format { return f.floats }

func (f *columns) appendRow(dst []byte, m Matrix, j int) []byte {
	for d := range m.Cols {
		dst = append(dst, f.column(m.Data, m.Rows, d, j, j+1)...)
	}
	return dst
}

func (f *columns) copyRows(m Matrix, i int, from Matrix, rows []int32) {
	// From end to end memory is read faster than in steps.
	whole := columnScratch.Get().(*[]byte)
	defer columnScratch.Put(whole)
	*whole = append((*whole)[:0], from.Data...)
	dst, src := m.Data[i*f.bytes:], *whole
	toStep, step := m.Rows*f.bytes, from.Rows*f.bytes
	for d := range m.Cols {
		to, at := dst[d*toStep:], src[d*step:][:step]
		for n, j := range rows {
			binary.LittleEndian.PutUint16(to[2*n:], binary.LittleEndian.Uint16(at[2*j:]))
		}
	}
}

func (f *columns) setRow(m Matrix, j int, row []byte) {
	for d := range m.Cols {
		copy(f.column(m.Data, m.Rows, d, j, j+1), row[d*f.bytes:])
	}
}

var columnScratch = sync.Pool{New: func() any { return new([]byte) }}
