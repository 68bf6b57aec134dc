package vec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/winnowlm/winnow/internal/cpu"
)

// eachLevel runs a test at every level that this machine has, up to the one that
// the environment allows.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	was := level
	defer func() { level = was }()
	for level = cpu.Go; level <= cpu.Current; level++ {
		t.Run(level.String(), test)
	}
}

// at runs f at a level.
func at(l cpu.Level, f func()) {
	was := level
	defer func() { level = was }()
	level = l
	f()
}

func testRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 17)) }

// normals are values of the size of activations.
func normals(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// integers are values whose products and sums are exact in float32, so that all
// orders of addition give the same.
func integers(r *rand.Rand, n, bound int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(2*bound+1) - bound)
	}
	return x
}

// guard is a value that no kernel computes; guarded outputs are followed by some.
var guard = math.Float32frombits(0x7fc12345)

const guards = 16

func guarded(n int) []float32 {
	x := make([]float32, n+guards)
	for i := range x {
		x[i] = guard
	}
	return x
}

func isGuard(v float32) bool { return math.Float32bits(v) == math.Float32bits(guard) }

func requireGuards(t *testing.T, x []float32) {
	t.Helper()
	for i := len(x) - guards; i < len(x); i++ {
		require.True(t, isGuard(x[i]), "wrote %v at %d of %d", x[i], i, len(x)-guards)
	}
}

// requireSame wants equal bits, or NaN on both sides.
func requireSame(t *testing.T, want, got []float32, msg ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), msg...)
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) && (want[i] == want[i] || got[i] == got[i]) {
			require.Fail(t, "not the same", "at %d: want %v, got %v: %v", i, want[i], got[i], fmt.Sprint(msg...))
		}
	}
}

// requireNear wants |want-got| ≤ tol × (1+|want|), and the same NaNs and infinities.
func requireNear(t *testing.T, want, got []float32, tol float64, msg ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), msg...)
	for i := range want {
		w, g := float64(want[i]), float64(got[i])
		if w == g || w != w && g != g {
			continue
		}
		if !(math.Abs(w-g) <= tol*(1+math.Abs(w))) {
			require.Fail(t, "not near", "at %d: want %v, got %v: %v", i, w, g, fmt.Sprint(msg...))
		}
	}
}

// requireSum wants what is within a part of size, the sum of the magnitudes of
// the terms, of the exact sum.
func requireSum(t *testing.T, sum float64, got float32, part, size float64, format string, args ...any) {
	if !(math.Abs(sum-float64(got)) <= part*size+1e-36) {
		t.Helper()
		require.Fail(t, "not the sum", "want %v, got %v, terms of %v: %s", sum, got, size, fmt.Sprintf(format, args...))
	}
}

// encodeRows stores x [rows][cols] with a stride, from an odd address.
func encodeRows(f format, x []float32, rows, cols, stride int) []byte {
	w := make([]byte, 1+span(rows, stride, f.rowSize(cols)))[1:]
	for j := range rows {
		v, row := x[j*cols:][:cols], w[j*stride:]
		switch f {
		case fmtF32:
			for i := range v {
				binary.LittleEndian.PutUint32(row[4*i:], math.Float32bits(v[i]))
			}
		case fmtF16:
			f32ToF16Go(row, v)
		case fmtBF16:
			f32ToBF16Go(row, v)
		case fmtI8:
			binary.LittleEndian.PutUint32(row, math.Float32bits(float32(1+j%4)/4))
			for i := range v {
				row[4+i] = byte(int8(max(-128, min(127, v[i]*40))))
			}
		}
	}
	return w
}

// decodeRows is the values of encodeRows, scale included.
func decodeRows(f format, w []byte, rows, cols, stride int) []float64 {
	out := make([]float64, rows*cols)
	v := make([]float32, cols)
	for j := range rows {
		row, s := w[j*stride:], float32(1)
		if f == fmtI8 {
			row, s = row[4:], rowScale(row)
		}
		f.decode(v, row)
		for i := range v {
			out[j*cols+i] = float64(v[i]) * float64(s)
		}
	}
	return out
}

var formats = []format{fmtF32, fmtF16, fmtBF16, fmtI8}

func (f format) String() string { return [...]string{"f32", "f16", "bf16", "i8"}[f] }

// doDot and doAxpy go through the exported functions.
func doDot(f format, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int) {
	[]func([]float32, int, []float32, int, []byte, int, int, int, []byte){DotF32, DotF16, DotBF16, DotI8}[f](dst, ld, x, n, w, stride, rows, cols, w)
}

func doAxpy(f format, dst, p []float32, ld, n int, w []byte, stride, rows, cols int) {
	[]func([]float32, []float32, int, int, []byte, int, int, int, []byte){AxpyF32, AxpyF16, AxpyBF16, AxpyI8}[f](dst, p, ld, n, w, stride, rows, cols, w)
}
