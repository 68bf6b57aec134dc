package quant

import (
	"encoding/binary"
	"sync"
	"unsafe"

	"github.com/winnowlm/winnow/internal/vec"
)

// decodedMulT is MulT for formats without a product of their own: rows are
// decoded a few at a time and multiplied as float32.
func decodedMulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	decoded(m, lo, hi, func(rows []byte, at, n int) {
		vec.DotF32(dst[at:], ld, x.X, x.N, rows, 4*m.Cols, n, m.Cols, nil)
	})
}

// decodedMulAdd is MulAdd in the same way.
func decodedMulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	decoded(m, lo, hi, func(rows []byte, at, k int) {
		vec.AxpyF32(dst, p[at:], ld, n, rows, 4*m.Cols, k, m.Cols, nil)
	})
}

// decodedRows is how many rows are decoded at a time.
const decodedRows = 64

// decoded hands rows lo..hi to use as float32 bytes, a few at a time.
func decoded(m Matrix, lo, hi int, use func(rows []byte, at, n int)) {
	s := decodedScratch.Get().(*[]float32)
	defer decodedScratch.Put(s)
	*s = vec.Resize(*s, decodedRows*m.Cols)
	for j := lo; j < hi; j += decodedRows {
		n := min(decodedRows, hi-j)
		x := (*s)[:n*m.Cols]
		m.Format.Decode(x, m, j, j+n)
		use(littleEndian(x), j-lo, n)
	}
}

var decodedScratch = sync.Pool{New: func() any { return new([]float32) }}

// littleEndian returns x as the bytes that package vec multiplies: on most
// machines the memory of x itself.
func littleEndian(x []float32) []byte {
	if m := memory(x); m != nil {
		return m
	}
	b := make([]byte, 4*len(x))
	putF32(b, x)
	return b
}

// memory returns the memory of x if its numbers are little-endian, else nil; also
// if there are none.
func memory(x []float32) []byte {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 || len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}
