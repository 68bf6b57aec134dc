package quant_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// vector is a record of testdata/blocks.bin, which testdata/make.py wrote from
// the definitions of the formats, without code of this package.
type vector struct {
	format quant.Format
	blocks []byte
	values []float32
}

func vectors(t testing.TB) (all []vector) {
	data, err := os.ReadFile("testdata/blocks.bin")
	require.NoError(t, err)
	for len(data) > 0 {
		f, err := quant.ByName(string(bytes.TrimRight(data[:16], "\x00")))
		require.NoError(t, err)
		n := int(binary.LittleEndian.Uint32(data[16:]))
		size, cols := int(binary.LittleEndian.Uint32(data[20:])), int(binary.LittleEndian.Uint32(data[24:]))
		require.Equal(t, f.Block(), cols)
		require.Equal(t, f.Size(1, cols), size)
		data = data[28:]
		v := vector{f, data[:n*size], make([]float32, n*cols)}
		data = data[n*size:]
		for i := range v.values {
			v.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		data = data[4*n*cols:]
		all = append(all, v)
	}
	return all
}

// Every type of GGUF decodes to the bit as its definition says.
func TestDecodeAgainstDefinitions(t *testing.T) {
	all := vectors(t)
	require.Len(t, all, 13)
	for _, v := range all {
		got := make([]float32, len(v.values))
		rows := len(got) / v.format.Block()
		m, err := quant.New(v.format, rows, v.format.Block(), v.blocks)
		require.NoError(t, err)
		m.Decode(got, 0, rows)
		for i, want := range v.values {
			require.Equal(t, math.Float32bits(want), math.Float32bits(got[i]), "%s: value %d of block %d: want %v, got %v",
				v.format.Name(), i%v.format.Block(), i/v.format.Block(), want, got[i])
		}
	}
}

// What the fits of scales reach on normal values, in decibels: a tenth less than
// measured. ggml's own quantizers reach 10.55 (q2_k), 16.42, 22.91, 28.84, 35.01
// (q6_k), 22.36 (iq4_nl), 22.29 (iq4_xs) and 18.76 (mxfp4) on such values.
func TestEncodeErrorOnNormalValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	const rows, cols = 64, 256
	x, y := normal(rng, rows*cols), make([]float32, rows*cols)
	for name, want := range map[string]float64{
		"q8_0": 45.3, "q4_0": 21.2, "q4_1": 22.0, "q5_0": 27.2, "q5_1": 28.3, "q2_k": 11.1, "q3_k": 16.2,
		"q4_k": 22.8, "q5_k": 28.8, "q6_k": 34.9, "iq4_nl": 22.2, "iq4_xs": 22.2, "mxfp4": 18.9,
	} {
		f, err := quant.ByName(name)
		require.NoError(t, err)
		quant.Pack(f, x, rows, cols).Decode(y, 0, rows)
		require.GreaterOrEqual(t, sqnr(x, y), want, name)
	}
}

// sqnr is the signal-to-quantization-noise ratio of y in decibels.
func sqnr(x, y []float32) float64 {
	var signal, noise float64
	for i, v := range x {
		d := float64(v) - float64(y[i])
		signal += float64(v) * float64(v)
		noise += d * d
	}
	return 10 * math.Log10(signal/noise)
}

// Any bytes decode and multiply without a panic.
func FuzzDecode(f *testing.F) {
	for i, v := range vectors(f) {
		f.Add(uint8(i), v.blocks)
	}
	all := formats(f)
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		format := all[int(which)%len(all)]
		cols := 2 * max(format.Block(), 32)
		// A header for the whole matrix may stand before its first row.
		header := format.Size(0, cols)
		if len(data) < header {
			return
		}
		rows := min((len(data)-header)/(format.Size(1, cols)-header), 40)
		m, err := quant.New(format, rows, cols, data[:format.Size(rows, cols)])
		require.NoError(t, err)
		m.Decode(make([]float32, rows*cols), 0, rows)
		x := make([]float32, 2*cols)
		for i := range x {
			x[i] = float32(i%5) - 2
		}
		var in quant.Input
		in.Set(x, 2, cols)
		m.MulT(make([]float32, 2*rows), rows, &in, 0, rows)
		in.Reserve()
		in.EncodeRows(0, 2)
		m.MulT(make([]float32, 2*rows), rows, &in, 0, rows)
		m.MulAdd(x, make([]float32, 2*rows), rows, 2, 0, rows)
	})
}
