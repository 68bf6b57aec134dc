package quant

import (
	"encoding/binary"
	"math"

	"github.com/winnowlm/winnow/internal/vec"
)

// The floating-point formats, little-endian. F32 is exact; F16 is IEEE half
// precision, BF16 the upper half of a float32; both round to nearest, ties to
// even.
var (
	F32  Format = &floats{"f32", 4, putF32, getF32, vec.DotF32, vec.AxpyF32, nil}
	F16  Format = &floats{"f16", 2, vec.F32ToF16, vec.F16ToF32, vec.DotF16, vec.AxpyF16, vec.FoldF16}
	BF16 Format = &floats{"bf16", 2, vec.F32ToBF16, vec.BF16ToF32, vec.DotBF16, vec.AxpyBF16, vec.FoldBF16}
)

type floats struct {
	name  string
	bytes int
	put   func(dst []byte, src []float32)
	get   func(dst []float32, src []byte)
	dot   func(dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte)
	axpy  func(dst, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte)
	fold  func(acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32, next []byte) // of keys by columns; nil for none
}

func (f *floats) Name() string            { return f.name }
func (f *floats) Block() int              { return 1 }
func (f *floats) Size(rows, cols int) int { return linear(rows, cols, 1, f.bytes) }

func (f *floats) Encode(dst []byte, src []float32, rows, cols int) {
	f.put(dst[:f.Size(rows, cols)], src[:rows*cols])
}

func (f *floats) Decode(dst []float32, m Matrix, lo, hi int) {
	f.get(dst[:(hi-lo)*m.Cols], m.Data[f.Size(lo, m.Cols):f.Size(hi, m.Cols)])
}

func (f *floats) MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	f.dot(dst, ld, x.X, x.N, m.Data[f.Size(lo, m.Cols):], f.Size(1, m.Cols), hi-lo, m.Cols, m.next)
}

func (f *floats) MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	f.axpy(dst, p, ld, n, m.Data[f.Size(lo, m.Cols):], f.Size(1, m.Cols), hi-lo, m.Cols, m.next)
}

func putF32(dst []byte, src []float32) {
	if m := memory(src); m != nil {
		copy(dst[:len(m)], m)
		return
	}
	for i, v := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
	}
}

func getF32(dst []float32, src []byte) {
	if m := memory(dst); m != nil {
		copy(m, src[:len(m)])
		return
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}
