// Package quant stores matrices of float32 rows in compact formats and
// multiplies by them without unpacking the whole matrix. Model weights and
// cached keys and values use the same formats: one file each.
package quant

import "fmt"

// Format is a stateless encoding of a rows×cols matrix whose rows lie one
// after another, at any alignment, after a header where Header says so. Its methods are
// called once per block of rows, never per row, so the interface costs
// nothing. Formats are compared with ==. Package quant holds all of them.
type Format interface {
	// Name is the format's lower-case name: "f16", "q8_0", "int8".
	Name() string
	// Block is the number of columns encoded together; cols must be a
	// multiple of it.
	Block() int
	// Size returns the bytes that a rows×cols matrix takes.
	Size(rows, cols int) int
	// Encode writes src [rows][cols] to dst.
	Encode(dst []byte, src []float32, rows, cols int)
	// Decode writes rows lo..hi of m to dst [hi-lo][m.Cols].
	Decode(dst []float32, m Matrix, lo, hi int)
	// MulT writes dst[q*ld+j-lo] = x[q]·row(j) for every row q of x and j in
	// lo..hi.
	MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int)
	// MulAdd adds Σ_j p[q*ld+j-lo]·row(j) over j in lo..hi, ascending, to row
	// q of dst [n][m.Cols].
	MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int)
}

// formats lists every implementation. The order is that of documentation.
var formats = []Format{
	F32, F16, BF16,
	Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4,
	Int8, Int8Tensor, Int8Group, Int8Asym, Int8AsymTensor, Int8AsymGroup,
	FP8E4M3, FP8E4M3Tensor, FP8E4M3Group, FP8E5M2, FP8E5M2Tensor, FP8E5M2Group,
	Int4, Int4Group64, Int4Group128, Int4Channel, Int2, Int2Channel,
}

// ByName returns the format of that name, or an error that lists the names.
func ByName(name string) (Format, error) {
	for _, f := range formats {
		if f.Name() == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("quant: no format %q, want one of %v", name, Names())
}

// Names returns the names of all formats.
func Names() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name()
	}
	return names
}

// Matrix is an encoded matrix [Rows][Cols]. It is never written to after it
// was made; Data may be mapped from a file.
type Matrix struct {
	Format     Format
	Rows, Cols int
	Data       []byte

	next []byte // what is read after it
}

// Before returns m for a product after which next will be read: while it
// computes, a kernel may fetch next's data from memory.
func (m Matrix) Before(next Matrix) Matrix {
	m.next = next.Data
	return m
}

// New returns the matrix [rows][cols] stored in data, or an error when the
// sizes do not fit each other.
func New(f Format, rows, cols int, data []byte) (Matrix, error) {
	if rows < 0 || cols <= 0 || cols%f.Block() != 0 {
		return Matrix{}, fmt.Errorf("quant: %s matrix of %d×%d: columns come in blocks of %d", f.Name(), rows, cols, f.Block())
	}
	if want := f.Size(rows, cols); len(data) != want {
		return Matrix{}, fmt.Errorf("quant: %s matrix of %d×%d: want %d bytes, have %d", f.Name(), rows, cols, want, len(data))
	}
	return Matrix{Format: f, Rows: rows, Cols: cols, Data: data}, nil
}

// Pack encodes src [rows][cols] as f.
func Pack(f Format, src []float32, rows, cols int) Matrix {
	if len(src) < rows*cols || cols%f.Block() != 0 {
		panic(fmt.Sprintf("quant: Pack %s: got %d values for %d×%d in blocks of %d", f.Name(), len(src), rows, cols, f.Block()))
	}
	m := Matrix{Format: f, Rows: rows, Cols: cols, Data: make([]byte, f.Size(rows, cols))}
	f.Encode(m.Data, src, rows, cols)
	return m
}

// MulT writes dst[q*ld+j-lo] = x[q]·row(j) for j in lo..hi.
func (m Matrix) MulT(dst []float32, ld int, x *Input, lo, hi int) {
	if x.Cols != m.Cols || lo < 0 || hi > m.Rows || lo > hi || x.N > 0 && hi > lo && len(dst) < (x.N-1)*ld+hi-lo {
		panic(fmt.Sprintf("quant: MulT: rows %d..%d of %d×%d, input of %d×%d, output of %d by %d",
			lo, hi, m.Rows, m.Cols, x.N, x.Cols, len(dst), ld))
	}
	m.Format.MulT(dst, ld, x, m, lo, hi)
}

// MulAdd adds Σ_j p[q*ld+j-lo]·row(j) over j in lo..hi to each row q of
// dst [n][Cols].
func (m Matrix) MulAdd(dst, p []float32, ld, n, lo, hi int) {
	if lo < 0 || hi > m.Rows || lo > hi || len(dst) < n*m.Cols || n > 0 && hi > lo && len(p) < (n-1)*ld+hi-lo {
		panic(fmt.Sprintf("quant: MulAdd: rows %d..%d of %d×%d to %d values, %d coefficients of %d by %d",
			lo, hi, m.Rows, m.Cols, len(dst), n, len(p), ld))
	}
	m.Format.MulAdd(dst, p, ld, n, m, lo, hi)
}

// Decode writes rows lo..hi to dst [hi-lo][Cols].
func (m Matrix) Decode(dst []float32, lo, hi int) {
	if lo < 0 || hi > m.Rows || lo > hi || len(dst) < (hi-lo)*m.Cols {
		panic(fmt.Sprintf("quant: Decode: rows %d..%d of %d×%d to %d values", lo, hi, m.Rows, m.Cols, len(dst)))
	}
	m.Format.Decode(dst, m, lo, hi)
}

// Row returns the bytes of row j, which belong to the matrix. In a format with a
// header they mean nothing without it.
func (m Matrix) Row(j int) []byte {
	h := Header(m.Format, m.Cols)
	n := m.Format.Size(1, m.Cols) - h
	return m.Data[h+j*n : h+(j+1)*n : h+(j+1)*n]
}

// Header returns the bytes at the start of a matrix of cols columns that belong
// to all of its rows: scales that rows share. The rest is rows of equal size. A
// format without a header has rows that stand alone: they may be copied from
// one matrix to another.
func Header(f Format, cols int) int {
	if g, ok := f.(*grouped); ok {
		return g.header(cols)
	}
	return 0
}

// linear returns the size of a matrix of which each block of columns takes
// bytes.
func linear(rows, cols, block, bytes int) int { return rows * (cols / block) * bytes }
