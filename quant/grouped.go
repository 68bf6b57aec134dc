package quant

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/winnowlm/winnow/internal/vec"
)

// grouped is a format of codes that share a scale, and a minimum where they are
// asymmetric, over some columns of a row, over a channel of all rows, or over
// the whole matrix: value = scale·code (+ min). The files of int8, int4, int2
// and fp8 list the members of the family.
//
// A matrix is its header, then its rows. What a channel or the whole matrix
// shares stands in the header: the scales, then the minimums. A row is a group
// after the other: its scale, its minimum, its codes.
type grouped struct {
	name   string
	codec  *codec
	share  share
	group  int  // columns of a group; 0: the whole row
	asym   bool // codes from 0 on, above a minimum
	single bool // scales in single precision, not half

	// Products that read the codes; without them, rows are decoded.
	dot  func(dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte)
	axpy func(dst, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte)
}

// share is what has a scale in common.
type share uint8

const (
	perGroup   share = iota // columns of a row
	perChannel              // a column of the matrix
	perTensor               // the matrix
)

func (f *grouped) Name() string { return f.name }

func (f *grouped) Block() int { return max(f.group, 8/f.codec.bits) }

func (f *grouped) Size(rows, cols int) int { return f.header(cols) + rows*f.rowSize(cols) }

// paramSize returns the bytes of a group's scale and minimum.
func (f *grouped) paramSize() int {
	n := 2
	if f.single {
		n = 4
	}
	if f.asym {
		n *= 2
	}
	return n
}

// header returns the bytes before the rows.
func (f *grouped) header(cols int) int {
	switch f.share {
	case perChannel:
		return cols * f.paramSize()
	case perTensor:
		return f.paramSize()
	}
	return 0
}

func (f *grouped) rowSize(cols int) int {
	n := cols * f.codec.bits / 8
	if f.share == perGroup {
		n += cols / f.width(cols) * f.paramSize()
	}
	return n
}

// width returns the columns of a group.
func (f *grouped) width(cols int) int {
	if f.group > 0 {
		return f.group
	}
	return max(cols, 1)
}

// line is what a code stands for: scale·code + min.
type line struct{ scale, min float32 }

// fit returns the line for values from lo to hi.
func (f *grouped) fit(lo, hi float32) line {
	if f.asym {
		// Halves first: a difference of two finite values may be infinite.
		return line{(hi/2 - lo/2) / (f.codec.steps / 2), lo}
	}
	return line{max(hi, -lo) / f.codec.most, 0}
}

// level returns what the code of v rounds.
func (l line) level(v float32) float32 {
	if l.scale == 0 {
		return 0
	}
	return (v - l.min) / l.scale
}

// put writes the line's parameters, the scale at and the minimum n places on.
func (f *grouped) put(dst []byte, at, n int, l line) {
	write := func(at int, v float32) {
		if f.single {
			binary.LittleEndian.PutUint32(dst[4*at:], math.Float32bits(v))
		} else {
			putHalf(dst[2*at:], v)
		}
	}
	write(at, l.scale)
	if f.asym {
		write(at+n, l.min)
	}
}

// get reads what put wrote.
func (f *grouped) get(src []byte, at, n int) (l line) {
	read := func(at int) float32 {
		if f.single {
			return math.Float32frombits(binary.LittleEndian.Uint32(src[4*at:]))
		}
		return getHalf(src[2*at:])
	}
	l.scale = read(at)
	if f.asym {
		l.min = read(at + n)
	}
	return l
}

// span returns the least and the largest finite value, a step apart in x.
func span(x []float32, step int) (lo, hi float32) {
	lo, hi = float32(math.Inf(1)), float32(math.Inf(-1))
	for i := 0; i < len(x); i += step {
		if v := x[i]; v-v == 0 {
			if v < lo {
				lo = v
			}
			if v > hi {
				hi = v
			}
		}
	}
	if lo > hi {
		return 0, 0
	}
	return lo, hi
}

// Encode counts NaN as 0 and holds an infinity within the range of the finite
// values that share its scale.
func (f *grouped) Encode(dst []byte, src []float32, rows, cols int) {
	width, params, level := f.width(cols), f.paramSize(), make([]float32, cols)
	channels := make([]line, cols)
	switch f.share {
	case perChannel:
		for d := range channels {
			channels[d] = f.fit(span(src[min(d, rows*cols):rows*cols], cols))
			f.put(dst, d, cols, channels[d])
		}
	case perTensor:
		l := f.fit(span(src[:rows*cols], 1))
		f.put(dst, 0, 1, l)
		for d := range channels {
			channels[d] = l
		}
	}
	dst = dst[f.header(cols):]
	for at := 0; at < rows*cols; at += cols {
		if f.share != perGroup {
			for d, v := range src[at : at+cols] {
				level[d] = channels[d].level(v)
			}
			dst = dst[f.codec.put(dst, level):]
			continue
		}
		for g := at; g < at+cols; g += width {
			x := src[g : g+width]
			l := f.fit(span(x, 1))
			f.put(dst, 0, 1, l)
			for d, v := range x {
				level[d] = l.level(v)
			}
			dst = dst[params+f.codec.put(dst[params:], level[:width]):]
		}
	}
}

func (f *grouped) Decode(dst []float32, m Matrix, lo, hi int) {
	cols := m.Cols
	data, dst := m.Data[f.header(cols)+lo*f.rowSize(cols):], dst[:(hi-lo)*cols]
	switch f.share {
	case perGroup:
		vec.Groups(dst, data, f.codec.kind, f.width(cols), m.next)
	case perTensor:
		vec.Levels(dst, data, f.codec.kind, m.next)
		f.get(m.Data, 0, 1).values(dst)
	case perChannel:
		vec.Levels(dst, data, f.codec.kind, m.next)
		c := channelScratch.Get().(*channels)
		defer channelScratch.Put(c)
		c.load(f, m.Data, cols)
		for ; len(dst) > 0; dst = dst[cols:] {
			vec.Mul(dst[:cols], c.scale)
			vec.Add(dst[:cols], c.min)
		}
	}
}

// values turns levels into values.
func (l line) values(x []float32) {
	vec.Scale(x, l.scale)
	if l.min == 0 {
		return
	}
	for i := range x {
		x[i] += l.min
	}
}

// channels are the parameters of a matrix that has them per channel, and the
// memory of a product with it.
type channels struct {
	scale, min []float32
	x, levels  []float32
}

var channelScratch = sync.Pool{New: func() any { return new(channels) }}

func (c *channels) load(f *grouped, header []byte, cols int) {
	c.scale, c.min = vec.Resize(c.scale, cols), vec.Resize(c.min, cols)
	if !f.single {
		vec.F16ToF32(c.scale, header)
		clear(c.min)
		if f.asym {
			vec.F16ToF32(c.min, header[2*cols:])
		}
		return
	}
	for d := range cols {
		l := f.get(header, d, cols)
		c.scale[d], c.min[d] = l.scale, l.min
	}
}

func (f *grouped) MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	parts, _, _ := f.recodes()
	switch {
	case x.coded && parts > 0:
		recodedMulT(f, dst, ld, x, m, lo, hi)
		return
	case f.share == perChannel:
		f.mulChannels(dst, ld, x, m, lo, hi)
		return
	case f.dot == nil:
		decodedMulT(dst, ld, x, m, lo, hi)
		return
	}
	size := f.rowSize(m.Cols)
	f.dot(dst, ld, x.X, x.N, m.Data[lo*size:], size, hi-lo, m.Cols, m.next)
}

// mulChannels multiplies the vectors with the scales of the channels instead of
// each row: x·(scale·level + min) = (x·scale)·level + x·min.
func (f *grouped) mulChannels(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	cols, size := m.Cols, f.rowSize(m.Cols)
	c := channelScratch.Get().(*channels)
	defer channelScratch.Put(c)
	c.load(f, m.Data, cols)
	c.x = append(c.x[:0], x.X[:x.N*cols]...)
	for q := range x.N {
		vec.Mul(c.x[q*cols:][:cols], c.scale)
	}
	data := m.Data[f.header(cols)+lo*size:]
	for j := 0; j < hi-lo; j += decodedRows {
		n := min(decodedRows, hi-lo-j)
		c.levels = vec.Resize(c.levels, n*cols)
		vec.Levels(c.levels, data[j*size:], f.codec.kind, m.next)
		vec.DotF32(dst[j:], ld, c.x, x.N, littleEndian(c.levels), 4*cols, n, cols, nil)
	}
	if !f.asym {
		return
	}
	for q := range x.N {
		var base [1]float32
		vec.DotF32(base[:], 1, x.X[q*cols:][:cols], 1, littleEndian(c.min), 4*cols, 1, cols, nil)
		row := dst[q*ld:][:hi-lo]
		for j := range row {
			row[j] += base[0]
		}
	}
}

func (f *grouped) MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	if f.axpy == nil {
		decodedMulAdd(dst, p, ld, n, m, lo, hi)
		return
	}
	size := f.rowSize(m.Cols)
	f.axpy(dst, p, ld, n, m.Data[lo*size:], size, hi-lo, m.Cols, m.next)
}
