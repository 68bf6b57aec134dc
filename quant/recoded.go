package quant

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/winnowlm/winnow/internal/vec"
)

// Formats without kernels of their own multiply an input's codes through those
// of Q8_0, or Q6_K: a few rows at a time are recoded, with the same values.

// recoder is a format whose rows are sums of two rows of Q8_0 at most, or one of
// Q6_K, less a minimum for each few columns, on a line for each row.
type recoder interface {
	Format
	// recodes says what recode writes: how many rows, 0 if the format is not
	// multiplied so, and whether there are minimums and lines.
	recodes() (parts int, mins, lines bool)
	// target is the format of those rows.
	target() *blockFormat
	// recode writes row j of m as r's first. It reports false where a scale
	// does not fit half precision; such a row is decoded.
	recode(r recodedRows, m Matrix, j int) bool
}

// recodedRows are some rows.
type recodedRows struct {
	cols  int
	in    *blockFormat // of the parts
	parts [2][]byte    // [rows][cols]; nil where there is none
	mins  []byte       // [rows][cols/groupCols] in single precision, or nil
	lines []byte       // [rows] scale and minimum in single precision, or nil
}

// lineSize is the size of a row's line in bytes.
const lineSize = 8

// layRecoded lays rows of f out in data, which is made longer if it is too short.
func layRecoded(f recoder, data []byte, rows, cols int) (recodedRows, []byte) {
	parts, mins, lines := f.recodes()
	data = vec.Resize(data, recodedSize(f, rows, cols))
	r, at := recodedRows{cols: cols, in: f.target()}, 0
	take := func(n int) []byte {
		at += n
		return data[at-n : at : at]
	}
	for p := range parts {
		r.parts[p] = take(r.in.Size(rows, cols))
	}
	if mins {
		r.mins = take(F32.Size(rows, cols/groupCols))
	}
	if lines {
		r.lines = take(rows * lineSize)
	}
	return r, data
}

// recodedSize returns the bytes that layRecoded takes.
func recodedSize(f recoder, rows, cols int) int {
	parts, mins, lines := f.recodes()
	n := parts * f.target().Size(rows, cols)
	if mins {
		n += F32.Size(rows, cols/groupCols)
	}
	if lines {
		n += rows * lineSize
	}
	return n
}

// from returns the rows from row i on.
func (r recodedRows) from(i int) recodedRows {
	for p := range r.parts {
		if r.parts[p] != nil {
			r.parts[p] = r.parts[p][r.in.Size(i, r.cols):]
		}
	}
	if r.mins != nil {
		r.mins = r.mins[F32.Size(i, r.cols/groupCols):]
	}
	if r.lines != nil {
		r.lines = r.lines[i*lineSize:]
	}
	return r
}

// after returns the first row without its first columns.
func (r recodedRows) after(cols int) recodedRows {
	for p := range r.parts {
		if r.parts[p] != nil {
			r.parts[p] = r.parts[p][r.in.Size(1, cols):]
		}
	}
	if r.mins != nil {
		r.mins = r.mins[4*cols/groupCols:]
	}
	return r
}

// setLine sets the first row's line.
func (r recodedRows) setLine(l line) { putF32(r.lines, []float32{l.scale, l.min}) }

func (r recodedRows) line(i int) (l line) {
	at := r.lines[i*lineSize:]
	l.scale, l.min = getFloat(at), getFloat(at[4:])
	return l
}

func getFloat(src []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(src)) }

// putMin sets the minimum of blockCols columns and returns the others.
func putMin(mins []byte, x float32) []byte {
	v := math.Float32bits(x)
	binary.LittleEndian.PutUint32(mins, v)
	binary.LittleEndian.PutUint32(mins[4:], v)
	return mins[8:]
}

// recodedScratch is the memory of a product.
type recodedScratch struct {
	data  []byte
	sums  []float32 // [N][cols/groupCols] of the input, which owns them
	total []float32 // [N]
	out   []float32 // [N][rows]
}

var recodedScratches = sync.Pool{New: func() any { return new(recodedScratch) }}

// recodedMulT is MulT with the codes of x.
func recodedMulT(f recoder, dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	s := recodedScratches.Get().(*recodedScratch)
	defer recodedScratches.Put(s)
	step := 32 // as many as kernels for several tokens pack together
	if x.N < 4 {
		step = 8 // which stay in the first-level cache
	}
	var r recodedRows
	r, s.data = layRecoded(f, s.data, step, m.Cols)
	s.add(f, x)
	for j := lo; j < hi; j += step {
		n := min(step, hi-j)
		var decode []int
		for i := range n {
			if !f.recode(r.from(i), m, j+i) {
				decode = append(decode, i)
			}
		}
		s.mul(r, dst[j-lo:], ld, x, n)
		for _, i := range decode {
			decodedMulT(dst[j+i-lo:], ld, x, m, j+i, j+i+1)
		}
	}
}

// add adds up the input where a product needs it.
func (s *recodedScratch) add(f recoder, x *Input) {
	_, mins, lines := f.recodes()
	if mins || lines {
		s.sums = x.codes.Sums()
	}
	if !lines {
		return
	}
	groups := x.Cols / groupCols
	s.total = vec.Resize(s.total, x.N)
	for q := range x.N {
		s.total[q] = 0
		for _, v := range s.sums[q*groups:][:groups] {
			s.total[q] += v
		}
	}
}

// mul multiplies n rows.
func (s *recodedScratch) mul(r recodedRows, dst []float32, ld int, x *Input, n int) {
	size := r.in.Size(n, r.cols)
	r.in.mul(dst, ld, &x.codes, r.parts[0][:size], n)
	if r.parts[1] != nil {
		s.out = vec.Resize(s.out, x.N*n)
		r.in.mul(s.out, n, &x.codes, r.parts[1][:size], n)
		for q := range x.N {
			vec.Add(dst[q*ld:][:n], s.out[q*n:])
		}
	}
	if r.mins != nil {
		s.out = vec.Resize(s.out, x.N*n)
		groups := r.cols / groupCols
		vec.DotF32(s.out, n, s.sums, x.N, r.mins, 4*groups, n, groups, nil)
		for q := range x.N {
			for i, v := range s.out[q*n:][:n] {
				dst[q*ld+i] -= v
			}
		}
	}
	if r.lines == nil {
		return
	}
	for q := range x.N {
		row := dst[q*ld:][:n]
		for i := range row {
			l := r.line(i)
			row[i] = float32(l.scale*row[i]) + float32(l.min*s.total[q])
		}
	}
}
