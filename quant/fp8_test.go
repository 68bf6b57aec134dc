package quant_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// All 256 codes of both encodings, against testdata/fp8.bin, which make.py wrote
// from the definition.
func TestFP8Decode(t *testing.T) {
	data, err := os.ReadFile("testdata/fp8.bin")
	require.NoError(t, err)
	for i, f := range []*quant.FP8{quant.E4M3, quant.E5M2} {
		for c := range 256 {
			want := math.Float32frombits(binary.LittleEndian.Uint32(data[4*(256*i+c):]))
			got := f.Decode(byte(c))
			if want != want {
				require.True(t, got != got, "code %#x", c)
				continue
			}
			require.Equal(t, math.Float32bits(want), math.Float32bits(got), "code %#x", c)
			require.Equal(t, byte(c), f.Encode(got, false), "code %#x", c)
			if !math.IsInf(float64(got), 0) {
				require.Equal(t, byte(c), f.Encode(got, true), "code %#x", c)
			}
		}
	}
}

// Every value between two codes goes to the nearer one, half way to the even one.
func TestFP8RoundsToNearestEven(t *testing.T) {
	for _, f := range []*quant.FP8{quant.E4M3, quant.E5M2} {
		for c := byte(0); f.Decode(c+1) < 1e6; c++ {
			lo, hi := f.Decode(c), f.Decode(c+1)
			mid := lo/2 + hi/2
			even := c + c&1
			for _, sign := range []float32{1, -1} {
				s := byte(0)
				if sign < 0 {
					s = 0x80
				}
				require.Equal(t, s|even, f.Encode(sign*mid, false), "between %v and %v", lo, hi)
				require.Equal(t, s|c, f.Encode(sign*math.Nextafter32(mid, 0), false))
				require.Equal(t, s|(c+1), f.Encode(sign*math.Nextafter32(mid, hi), false))
			}
		}
	}
}

// The ends of the range, as ml_dtypes has them.
func TestFP8Ends(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		f               *quant.FP8
		x               float32
		code, saturated byte
	}{
		{quant.E4M3, 448, 0x7e, 0x7e}, {quant.E4M3, 464, 0x7e, 0x7e}, {quant.E4M3, 464.00003, 0x7f, 0x7e},
		{quant.E4M3, -1e30, 0xff, 0xfe}, {quant.E4M3, inf, 0x7f, 0x7e}, {quant.E4M3, nan, 0x7f, 0x7f},
		{quant.E4M3, 1, 0x38, 0x38}, {quant.E4M3, 0x1p-10, 0x00, 0x00}, {quant.E4M3, 0x1.8p-9, 0x02, 0x02},
		{quant.E5M2, 57344, 0x7b, 0x7b}, {quant.E5M2, 61439.996, 0x7b, 0x7b}, {quant.E5M2, 61440, 0x7c, 0x7b},
		{quant.E5M2, -inf, 0xfc, 0xfb}, {quant.E5M2, nan, 0x7e, 0x7e}, {quant.E5M2, 1, 0x3c, 0x3c},
		{quant.E5M2, float32(math.Copysign(0, -1)), 0x80, 0x80}, {quant.E5M2, 0x1p-149, 0, 0},
		// Through a half-precision value this would be rounded twice, to 0x3e.
		{quant.E5M2, 1.125 - 0x1p-20, 0x3c, 0x3c}, {quant.E5M2, 1.125 + 0x1p-20, 0x3d, 0x3d},
	} {
		require.Equal(t, c.code, c.f.Encode(c.x, false), "%v", c.x)
		require.Equal(t, c.saturated, c.f.Encode(c.x, true), "%v, saturated", c.x)
	}
}

// The table of SQNR per distribution that follows from the formats, in decibels:
// one scale for a whole tensor, and one per 32 values. INT8 wins wherever a
// scale serves a block.
func TestSQNRPerDistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	student := func(nu int) float32 {
		s := 0.0
		for range nu {
			v := rng.NormFloat64()
			s += v * v
		}
		return float32(rng.NormFloat64() / math.Sqrt(s/float64(nu)))
	}
	draw := map[string]func() float32{
		"uniform":   func() float32 { return 2*rng.Float32() - 1 },
		"normal":    func() float32 { return float32(rng.NormFloat64()) },
		"laplace":   func() float32 { return float32(rng.ExpFloat64()) * float32(1-2*rng.IntN(2)) },
		"student 8": func() float32 { return student(8) },
		"student 3": func() float32 { return student(3) },
	}
	for _, c := range []struct {
		dist, format string
		want, within float64
	}{
		{"uniform", "int8-tensor", 48.1, 0.5}, {"uniform", "fp8-e4m3-tensor", 32.2, 0.5}, {"uniform", "fp8-e5m2-tensor", 25.8, 0.5},
		{"normal", "int8-tensor", 39.8, 1.5}, {"normal", "fp8-e4m3-tensor", 31.5, 0.5}, {"normal", "fp8-e5m2-tensor", 25.6, 0.5},
		{"student 8", "int8-tensor", 33.7, 3}, {"student 8", "fp8-e4m3-tensor", 31.5, 0.5}, {"student 8", "fp8-e5m2-tensor", 25.6, 0.5},
		{"student 3", "fp8-e4m3-tensor", 31.8, 1.5}, {"student 3", "fp8-e5m2-tensor", 25.6, 1},
		{"normal", "int8-32", 45.5, 0.5}, {"normal", "fp8-e4m3-32", 32.5, 0.5}, {"normal", "fp8-e5m2-32", 26.4, 0.5},
		{"laplace", "int8-32", 43.4, 0.5}, {"laplace", "fp8-e4m3-32", 33.1, 0.5}, {"laplace", "fp8-e5m2-32", 27.0, 0.5},
		{"student 3", "int8-32", 41.5, 1.5}, {"student 3", "fp8-e4m3-32", 34.3, 1.5}, {"student 3", "fp8-e5m2-32", 28.3, 1.5},
	} {
		const rows, cols = 64, 960
		x, y := make([]float32, rows*cols), make([]float32, rows*cols)
		for i := range x {
			x[i] = draw[c.dist]()
		}
		f, err := quant.ByName(c.format)
		require.NoError(t, err)
		quant.Pack(f, x, rows, cols).Decode(y, 0, rows)
		require.InDelta(t, c.want, sqnr(x, y), c.within, "%s, %s", c.dist, c.format)
	}
}
