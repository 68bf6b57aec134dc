package quant_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// Codes that are set are decoded on the lines that were there.
func TestCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	n := 0
	for _, f := range formats(t) {
		c, ok := quant.CodesOf(f)
		if !ok {
			continue
		}
		n++
		const cols = 512
		m := quant.Pack(f, normal(rng, cols), 1, cols)
		scale, minimum := make([]float32, cols), make([]float32, cols)
		c.Lines(scale, minimum, m.Data)
		code, want, got := make([]int, cols), make([]float32, cols), make([]float32, cols)
		for d := range code {
			code[d] = c.Lo + rng.IntN(c.Hi-c.Lo+1)
			want[d] = float32(scale[d]*float32(code[d])) - minimum[d]
		}
		c.Set(m.Data, code)
		m.Decode(got, 0, 1)
		require.Equal(t, want, got, f.Name())
		again := make([]float32, cols)
		c.Lines(again, minimum, m.Data)
		require.Equal(t, scale, again, f.Name())
		code[3] = c.Hi + 5 // is held within the range
		c.Set(m.Data, code)
		m.Decode(got, 0, 1)
		require.Equal(t, float32(scale[3]*float32(c.Hi))-minimum[3], got[3], f.Name())
		require.Panics(t, func() { c.Set(m.Data, code[1:]) })
	}
	require.Equal(t, 10, n)
	_, ok := quant.CodesOf(quant.F16)
	require.False(t, ok)
}
