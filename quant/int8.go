package quant

import (
	"encoding/binary"
	"math"

	"github.com/winnowlm/winnow/internal/vec"
)

// Int8 is symmetric 8-bit integer quantization, one float32 scale per row:
// scale = max|x|/127, code = round to even of x/scale. A row is the scale,
// then a code per column. Its relative error is at most 1/254 of the row's
// largest value. Meant for cache rows, whose length is a head's dimension.
var Int8 Format = int8Rows{}

type int8Rows struct{}

func (int8Rows) Name() string            { return "int8" }
func (int8Rows) Block() int              { return 1 }
func (int8Rows) Size(rows, cols int) int { return rows * (4 + cols) }

func (f int8Rows) Encode(dst []byte, src []float32, rows, cols int) {
	for j := range rows {
		row := dst[f.Size(j, cols):f.Size(j+1, cols)]
		x := src[j*cols : (j+1)*cols]
		scale := maxAbs(x) / 127
		binary.LittleEndian.PutUint32(row, math.Float32bits(scale))
		encodeInt8(row[4:], x, scale)
	}
}

// maxAbs returns the largest finite magnitude in x, so that one bad value
// cannot wipe out its row.
func maxAbs(x []float32) float32 {
	var most float32
	for _, v := range x {
		if v = float32(math.Abs(float64(v))); v > most && v <= math.MaxFloat32 {
			most = v
		}
	}
	return most
}

// encodeInt8 writes round(x/scale), saturated to ±127; NaN becomes 0.
func encodeInt8(dst []byte, x []float32, scale float32) {
	if scale == 0 {
		clear(dst)
		return
	}
	for d, v := range x {
		c := math.RoundToEven(float64(v / scale))
		switch {
		case c != c:
			c = 0
		case c > 127:
			c = 127
		case c < -127:
			c = -127
		}
		dst[d] = byte(int8(c))
	}
}

func (f int8Rows) Decode(dst []float32, m Matrix, lo, hi int) {
	cols := m.Cols
	for j := lo; j < hi; j++ {
		row := m.Row(j)
		scale := math.Float32frombits(binary.LittleEndian.Uint32(row))
		x := dst[(j-lo)*cols : (j-lo+1)*cols]
		for d, c := range row[4:] {
			x[d] = float32(int8(c)) * scale
		}
	}
}

func (f int8Rows) MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	vec.DotI8(dst, ld, x.X, x.N, m.Data[f.Size(lo, m.Cols):], f.Size(1, m.Cols), hi-lo, m.Cols, m.next)
}

func (f int8Rows) MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	vec.AxpyI8(dst, p, ld, n, m.Data[f.Size(lo, m.Cols):], f.Size(1, m.Cols), hi-lo, m.Cols, m.next)
}
