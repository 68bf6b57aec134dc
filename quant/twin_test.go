package quant_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

func TestTwinHasTheSameValues(t *testing.T) {
	const rows, cols = 7, 512
	rng := rand.New(rand.NewPCG(5, 6))
	twins := 0
	for _, f := range formats(t) {
		twin, ok := quant.Twin(f)
		if !ok {
			require.Equal(t, f, twin)
			continue
		}
		twins++
		m := quant.Pack(f, normal(rng, rows*cols), rows, cols)
		data := make([]byte, twin.Size(rows, cols))
		require.True(t, m.Repack(data, 0, 3))
		require.True(t, m.Repack(data, 3, rows))
		packed, err := quant.New(twin, rows, cols, data)
		require.NoError(t, err)
		want, got := make([]float32, rows*cols), make([]float32, rows*cols)
		m.Decode(want, 0, rows)
		packed.Decode(got, 0, rows)
		require.Equal(t, want, got, f.Name())
	}
	require.Equal(t, 9, twins)
}

// A power of two that half precision does not have stays where it is.
func TestTwinRefuses(t *testing.T) {
	m := quant.Pack(quant.MXFP4, []float32{31: 0x1p-40}, 1, 32)
	require.False(t, m.Repack(make([]byte, quant.Q8_0.Size(1, 32)), 0, 1))
	var in quant.Input
	x := make([]float32, 32)
	x[31] = 2
	in.Set(x, 1, 32)
	in.Reserve()
	in.EncodeRows(0, 1)
	var y [1]float32
	m.MulT(y[:], 1, &in, 0, 1)
	require.Equal(t, float32(0x1p-39), y[0])
	zero := quant.Pack(quant.MXFP4, make([]float32, 32), 1, 32)
	require.True(t, zero.Repack(make([]byte, quant.Q8_0.Size(1, 32)), 0, 1))
}
