package quant

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/winnowlm/winnow/internal/vec"
	"github.com/x448/float16"
)

// GGUF's block formats of 32 columns with a half-precision scale d.
//
// Q8_0 (34 bytes): d, then 32 signed codes; value = code·d, d = max|x|/127.
// Q4_0 (18 bytes): d, then 16 bytes whose low nibbles are values 0–15 and high
// nibbles 16–31; value = (nibble−8)·d, d = m/−8 with m the value of largest
// magnitude, sign kept. As in ggml's reference quantizers.
var (
	Q8_0 Format = &q8Format{"q8_0", 34, putQ8_0, getQ8_0, vec.MulQ8_0}
	Q4_0 Format = &q8Format{"q4_0", 18, putQ4_0, getQ4_0, vec.MulQ4_0}
)

const blockCols = 32

// q8Format is a format whose products read the input's 8-bit codes.
type q8Format struct {
	name  string
	bytes int // of one block
	put   func(dst []byte, x []float32)
	get   func(x []float32, src []byte)
	mul   func(dst []float32, ld int, a *vec.Q8, w []byte, rows int)
}

func (f *q8Format) Name() string            { return f.name }
func (f *q8Format) Block() int              { return blockCols }
func (f *q8Format) Size(rows, cols int) int { return linear(rows, cols, blockCols, f.bytes) }

func (f *q8Format) Encode(dst []byte, src []float32, rows, cols int) {
	for b := range rows * cols / blockCols {
		f.put(dst[b*f.bytes:][:f.bytes], src[b*blockCols:][:blockCols])
	}
}

func (f *q8Format) Decode(dst []float32, m []byte, cols, lo, hi int) {
	m = m[f.Size(lo, cols):f.Size(hi, cols)]
	for b := range (hi - lo) * cols / blockCols {
		f.get(dst[b*blockCols:][:blockCols], m[b*f.bytes:][:f.bytes])
	}
}

func (f *q8Format) MulT(dst []float32, ld int, x *Input, m []byte, lo, hi int) {
	if x.coded {
		f.mul(dst, ld, &x.codes, m[f.Size(lo, x.Cols):f.Size(hi, x.Cols)], hi-lo)
		return
	}
	f.decoded(m, x.Cols, lo, hi, func(rows []byte, at, n int) {
		vec.DotF32(dst[at:], ld, x.X, x.N, rows, 4*x.Cols, n, x.Cols)
	})
}

func (f *q8Format) MulAdd(dst, p []float32, ld, n int, m []byte, cols, lo, hi int) {
	f.decoded(m, cols, lo, hi, func(rows []byte, at, k int) {
		vec.AxpyF32(dst, p[at:], ld, n, rows, 4*cols, k, cols)
	})
}

// decoded hands rows lo..hi to use as float32 bytes, a few at a time.
func (f *q8Format) decoded(m []byte, cols, lo, hi int, use func(rows []byte, at, n int)) {
	const most = 16
	s := scratch.Get().(*decodeScratch)
	defer scratch.Put(s)
	if need := most * cols; len(s.x) < need {
		s.x, s.b = make([]float32, need), make([]byte, 4*need)
	}
	for j := lo; j < hi; j += most {
		n := min(most, hi-j)
		f.Decode(s.x, m, cols, j, j+n)
		putF32(s.b[:4*n*cols], s.x[:n*cols])
		use(s.b, j-lo, n)
	}
}

type decodeScratch struct {
	x []float32
	b []byte
}

var scratch = sync.Pool{New: func() any { return new(decodeScratch) }}

func putHalf(dst []byte, x float32) float32 {
	h := float16.Fromfloat32(x)
	binary.LittleEndian.PutUint16(dst, h.Bits())
	return h.Float32()
}

func getHalf(src []byte) float32 {
	return float16.Frombits(binary.LittleEndian.Uint16(src)).Float32()
}

func putQ8_0(dst []byte, x []float32) {
	d := maxAbs(x) / 127
	putHalf(dst, d)
	encodeInt8(dst[2:], x, d)
}

func getQ8_0(x []float32, src []byte) {
	d := getHalf(src)
	for i, c := range src[2:] {
		x[i] = float32(int8(c)) * d
	}
}

func putQ4_0(dst []byte, x []float32) {
	var m, most float32
	for _, v := range x {
		if a := float32(math.Abs(float64(v))); a > most && a <= math.MaxFloat32 {
			m, most = v, a
		}
	}
	d := m / -8
	putHalf(dst, d)
	var inv float32
	if d != 0 {
		inv = 1 / d
	}
	code := func(v float32) byte {
		c := float32(v*inv) + 8.5
		switch {
		case c >= 15:
			return 15
		case c >= 0: // false for NaN
			return byte(c)
		}
		return 0
	}
	for i := range blockCols / 2 {
		dst[2+i] = code(x[i]) | code(x[i+blockCols/2])<<4
	}
}

func getQ4_0(x []float32, src []byte) {
	d := getHalf(src)
	for i, c := range src[2:] {
		x[i] = float32(int(c&15)-8) * d
		x[i+blockCols/2] = float32(int(c>>4)-8) * d
	}
}

func putF32(dst []byte, src []float32) {
	for i, v := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
	}
}

func getF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}
