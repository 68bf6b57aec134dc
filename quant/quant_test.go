package quant_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

func formats(t testing.TB) []quant.Format {
	var all []quant.Format
	for _, name := range quant.Names() {
		f, err := quant.ByName(name)
		require.NoError(t, err)
		require.Equal(t, name, f.Name())
		all = append(all, f)
	}
	return all
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// bound is the largest error of a format, as a share of the largest value that
// is encoded with it.
var bound = map[string]float64{
	"f32": 0, "f16": 1.0 / 2048, "bf16": 1.0 / 256,
	"int8": 1.0 / 254 * 1.0001, "int8-tensor": 1.0 / 254 * 1.0001, "int8-32": 1.0 / 254 * 1.0001,
	"int8-asym": 1.0 / 255 * 1.0001, "int8-asym-tensor": 1.0 / 255 * 1.0001, "int8-asym-32": 1.0 / 255 * 1.0001,
	"fp8-e4m3": 1.0 / 28, "fp8-e4m3-tensor": 1.0 / 28, "fp8-e4m3-32": 1.0 / 28,
	"fp8-e5m2": 1.0 / 14, "fp8-e5m2-tensor": 1.0 / 14, "fp8-e5m2-32": 1.0 / 14,
	"int4": 1.0/15 + 1.0/500, "int4-64": 1.0/15 + 1.0/500, "int4-128": 1.0/15 + 1.0/500, "int4-channel": 1.0/15 + 1.0/500,
	"int2": 1.0/3 + 1.0/500, "int2-channel": 1.0/3 + 1.0/500,
	"q8_0": 1.0/254 + 1.0/2048, "q4_0": 1.0/8 + 1.0/2048,
	"q4_1": 1.0/15 + 1.0/1024, "q5_0": 1.0/16 + 1.0/2048, "q5_1": 1.0/31 + 1.0/1024,
	// Half a step, the rounding of scales, and what a fit gives up of the largest value.
	"q2_k": 1.0 / 2, "q3_k": 1.0 / 3, "q4_k": 1.0 / 8, "q5_k": 1.0 / 16, "q6_k": 1.0 / 24,
	"iq4_nl": 1.0 / 6, "iq4_xs": 1.0 / 5, "mxfp4": 1.0 / 4,
}

// searched are the formats whose scales are searched for, so that what was
// decoded need not encode to itself.
var searched = map[string]bool{
	"q2_k": true, "q3_k": true, "q4_k": true, "q5_k": true, "q6_k": true, "iq4_nl": true, "iq4_xs": true,
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range formats(t) {
		rows, cols := 5, max(64, f.Block())
		x := normal(rng, rows*cols)
		m := quant.Pack(f, x, rows, cols)
		require.Len(t, m.Data, f.Size(rows, cols))
		y := make([]float32, rows*cols)
		m.Decode(y, 0, rows)
		for i := range x {
			most := largest(f, x, rows, cols, i)
			require.LessOrEqual(t, math.Abs(float64(x[i]-y[i])), bound[f.Name()]*most, "%s: value %d", f.Name(), i)
		}
		one := make([]float32, cols)
		m.Decode(one, 3, 4)
		require.Equal(t, y[3*cols:4*cols], one)
		at := func(j int) int { return f.Size(j, cols) }
		require.Equal(t, m.Data[at(3):at(4)], m.Row(3))
		if searched[f.Name()] {
			continue
		}
		again := make([]float32, rows*cols)
		quant.Pack(f, y, rows, cols).Decode(again, 0, rows)
		require.InDeltaSlice(t, y, again, 4e-3, f.Name()) // scales in half precision are rounded anew
	}
}

// largest returns the largest magnitude of what shares a scale with value i.
func largest(f quant.Format, x []float32, rows, cols, i int) (most float64) {
	from, to, step := i/f.Block()*f.Block(), i/f.Block()*f.Block()+f.Block(), 1
	switch f.Name() {
	case "int8", "int8-asym", "fp8-e4m3", "fp8-e5m2":
		from, to = i/cols*cols, i/cols*cols+cols
	case "int8-tensor", "int8-asym-tensor", "fp8-e4m3-tensor", "fp8-e5m2-tensor":
		from, to = 0, rows*cols
	case "int4-channel", "int2-channel":
		from, to, step = i%cols, rows*cols, cols
	}
	for ; from < to; from += step {
		most = max(most, math.Abs(float64(x[from])))
	}
	return most
}

// Values that are not finite stay in their place: neither a panic nor a row
// that is lost.
func TestEncodeNotFinite(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, f := range formats(t) {
		n := max(64, f.Block())
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%7) - 3
		}
		x[3], x[40], x[41] = float32(math.NaN()), inf, -inf
		y := make([]float32, n)
		quant.Pack(f, x, 1, n).Decode(y, 0, 1)
		require.InDelta(t, x[10], y[10], 1.01, f.Name())
		zero := make([]float32, n)
		quant.Pack(f, zero, 1, n).Decode(y, 0, 1)
		for _, v := range y {
			require.Zero(t, v, f.Name())
		}
	}
}

func TestMistakes(t *testing.T) {
	_, err := quant.ByName("q9_9")
	require.ErrorContains(t, err, `no format "q9_9", want one of [f32 f16`)
	_, err = quant.New(quant.Q8_0, 2, 33, nil)
	require.ErrorContains(t, err, "blocks of 32")
	_, err = quant.New(quant.F16, 2, 3, make([]byte, 11))
	require.ErrorContains(t, err, "want 12 bytes, have 11")
	require.Panics(t, func() { quant.Pack(quant.Q4_0, make([]float32, 33), 1, 33) })
	m := quant.Pack(quant.F32, make([]float32, 6), 2, 3)
	var in quant.Input
	in.Set(make([]float32, 4), 1, 4)
	require.Panics(t, func() { m.MulT(make([]float32, 9), 3, &in, 0, 2) })
	require.Panics(t, func() { m.MulAdd(make([]float32, 2), make([]float32, 2), 2, 1, 0, 2) })
	require.Panics(t, func() { m.Decode(make([]float32, 2), 0, 1) })
}
