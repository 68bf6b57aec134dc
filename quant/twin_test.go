package quant_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

func TestTwinHasTheSameValues(t *testing.T) {
	const rows, cols = 7, 96
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
		m.Repack(data, 0, 3)
		m.Repack(data, 3, rows)
		packed, err := quant.New(twin, rows, cols, data)
		require.NoError(t, err)
		want, got := make([]float32, rows*cols), make([]float32, rows*cols)
		m.Decode(want, 0, rows)
		packed.Decode(got, 0, rows)
		require.Equal(t, want, got, f.Name())
	}
	require.Equal(t, 2, twins)
}
