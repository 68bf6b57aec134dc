package vec

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

// every float16, and each way of being next to one or half way between two.
func halfCases() []float32 {
	var x []float32
	for h := range 1 << 16 {
		v := float16.Frombits(uint16(h)).Float32()
		next := float16.Frombits(uint16(h + 1)).Float32()
		mid := v/2 + next/2
		for _, c := range []float32{v, mid} {
			x = append(x, c, math.Float32frombits(math.Float32bits(c)+1), math.Float32frombits(math.Float32bits(c)-1))
		}
	}
	for b := range 1 << 16 {
		for _, low := range []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff} {
			x = append(x, math.Float32frombits(uint32(b)<<16|low))
		}
	}
	return x
}

func TestF16ToF32AgainstReference(t *testing.T) {
	src := make([]byte, 2<<16)
	want := make([]float32, 1<<16)
	for h := range want {
		binary.LittleEndian.PutUint16(src[2*h:], uint16(h))
		want[h] = float16.Frombits(uint16(h)).Float32()
	}
	eachLevel(t, func(t *testing.T) {
		got := make([]float32, 1<<16)
		F16ToF32(got, src)
		requireSame(t, want, got)
		BF16ToF32(got, src)
		for b, v := range got {
			if math.Float32bits(v) != uint32(b)<<16 {
				require.Equal(t, uint32(b)<<16, math.Float32bits(v))
			}
		}
	})
}

func TestF32ToF16AgainstReference(t *testing.T) {
	x := halfCases()
	want := make([]float16.Float16, len(x))
	for i, v := range x {
		want[i] = float16.Fromfloat32(v)
	}
	eachLevel(t, func(t *testing.T) {
		got := make([]byte, 2*len(x))
		F32ToF16(got, x)
		for i, w := range want {
			h := float16.Frombits(binary.LittleEndian.Uint16(got[2*i:]))
			if h != w && !(h.IsNaN() && w.IsNaN()) {
				require.Equal(t, w, h, "%v = %x", x[i], math.Float32bits(x[i]))
			}
		}
	})
}

func TestF32ToBF16RoundsToNearestEven(t *testing.T) {
	x := halfCases()
	want := make([]uint32, len(x)) // for a NaN, one
	for i, v := range x {
		// The two bfloat16 around v, compared as exact float64; beyond the
		// largest, infinity counts as 2^128.
		bits := math.Float32bits(v) &^ 0xffff
		lo, hi := wideBF16(bits), wideBF16(bits+0x10000)
		want[i] = bits
		switch below, above := math.Abs(float64(v)-lo), math.Abs(hi-float64(v)); {
		case v != v:
			want[i] = 0x7fc00000
		case bits == math.Float32bits(v):
		case above < below || above == below && bits>>16&1 == 1:
			want[i] = bits + 0x10000
		}
	}
	eachLevel(t, func(t *testing.T) {
		dst := make([]byte, 2*len(x))
		F32ToBF16(dst, x)
		back := make([]float32, len(x))
		BF16ToF32(back, dst)
		for i, b := range back {
			if math.Float32bits(b) != want[i] && !(b != b && x[i] != x[i]) {
				require.Equal(t, want[i], math.Float32bits(b), "%v = %x", x[i], math.Float32bits(x[i]))
			}
		}
	})
}

func wideBF16(bits uint32) float64 {
	v := float64(math.Float32frombits(bits))
	if math.IsInf(v, 0) {
		return math.Copysign(0x1p128, v)
	}
	return v
}

func TestHalfTailsAndGuards(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		x := normals(testRand(4), 64)
		for n := range 40 {
			for _, f := range []format{fmtF16, fmtBF16} {
				encode, decode := F32ToF16, F16ToF32
				if f == fmtBF16 {
					encode, decode = F32ToBF16, BF16ToF32
				}
				dst := make([]byte, 2*n+3)
				dst[0], dst[2*n+1], dst[2*n+2] = 0xa5, 0xa5, 0xa5
				encode(dst[1:], x[:n])
				require.Equal(t, []byte{0xa5, 0xa5, 0xa5}, []byte{dst[0], dst[2*n+1], dst[2*n+2]})
				require.Equal(t, encodeRows(f, x, 1, n, 0), dst[1:2*n+1])
				back := guarded(n)
				decode(back[:n], dst[1:])
				requireGuards(t, back)
				for i := range n {
					require.InEpsilon(t, x[i], back[i], 1.0/256)
				}
			}
		}
	})
}
