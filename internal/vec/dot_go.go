package vec

import (
	"encoding/binary"
	"math"
)

// chunk is the number of values that the plain Go products decode at a time.
// Their sums are formed per chunk, which makes it part of the order of additions.
const chunk = 256

// format is how an element of a row is stored.
type format uint8

const (
	fmtF32 format = iota
	fmtF16
	fmtBF16
	fmtI8 // after a float32 scale of the row
)

func (f format) size() int { return [...]int{4, 2, 2, 1}[f] }

func (f format) rowSize(cols int) int {
	if f == fmtI8 {
		return 4 + cols
	}
	return f.size() * cols
}

// decode writes the first len(dst) elements of src, without a scale. (It is not
// a function value, which would move the callers' buffers to the heap.)
func (f format) decode(dst []float32, src []byte) {
	switch f {
	case fmtF32:
		decodeF32(dst, src)
	case fmtF16:
		f16ToF32Go(dst, src)
	case fmtBF16:
		bf16ToF32Go(dst, src)
	case fmtI8:
		decodeI8(dst, src)
	}
}

func dotGo(f format, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int) {
	var buf [chunk]float32
	for j := range rows {
		row, scale := w[j*stride:], float32(1)
		if f == fmtI8 {
			row, scale = row[4:], rowScale(row)
		}
		for q := range n {
			dst[q*ld+j] = 0
		}
		for c := 0; c < cols; c += chunk {
			v := buf[:min(chunk, cols-c)]
			f.decode(v, row[c*f.size():])
			for q := range n {
				dst[q*ld+j] += dotChunk(x[q*cols+c:], v)
			}
		}
		for q := range n {
			dst[q*ld+j] *= scale
		}
	}
}

func dotChunk(x, v []float32) float32 {
	var s0, s1, s2, s3 float32
	x = x[:len(v)]
	for len(v) >= 4 && len(x) >= 4 {
		s0 += x[0] * v[0]
		s1 += x[1] * v[1]
		s2 += x[2] * v[2]
		s3 += x[3] * v[3]
		x, v = x[4:], v[4:]
	}
	for i := range v {
		s0 += x[i] * v[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func axpyGo(f format, dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int) {
	var buf [chunk]float32
	for j := range rows {
		row, scale := w[j*stride:], float32(1)
		if f == fmtI8 {
			row, scale = row[4:], rowScale(row)
		}
		for c := 0; c < cols; c += chunk {
			v := buf[:min(chunk, cols-c)]
			f.decode(v, row[c*f.size():])
			for q := range n {
				axpyChunk(dst[q*cols+c:], p[q*ld+j]*scale, v)
			}
		}
	}
}

func axpyChunk(dst []float32, a float32, v []float32) {
	dst = dst[:len(v)]
	for i := range dst {
		dst[i] += a * v[i]
	}
}

func rowScale(row []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(row)) }

func decodeF32(dst []float32, src []byte) {
	src = src[:4*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeI8(dst []float32, src []byte) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = float32(int8(src[i]))
	}
}
