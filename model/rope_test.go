package model

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Llama 3's stretching: high frequencies stay, low ones are divided by the
// factor, those between go from one to the other.
func TestLlama3Factors(t *testing.T) {
	r := RopeScaling{Type: "llama3", Factor: 32, LowFreq: 1, HighFreq: 4, OriginalMaxPositions: 8192}
	const dim, theta = 64, 500000.0
	f := r.factors(dim, theta)
	require.Len(t, f, dim/2)
	require.Equal(t, float32(1), f[0])
	require.Equal(t, float32(32), f[dim/2-1])
	between := 0
	for i := range f {
		inv := math.Pow(theta, -float64(2*i)/dim)
		turns := r.OriginalMaxPositions * inv / (2 * math.Pi)
		if turns > r.LowFreq && turns < r.HighFreq {
			between++
			smooth := (turns - r.LowFreq) / (r.HighFreq - r.LowFreq)
			require.InEpsilon(t, (1-smooth)*inv/r.Factor+smooth*inv, inv/float64(f[i]), 1e-6)
		}
		if i > 0 {
			require.GreaterOrEqual(t, f[i], f[i-1])
		}
	}
	require.Positive(t, between)
	require.Nil(t, RopeScaling{}.factors(dim, theta))
	require.Equal(t, []float32{4, 4}, RopeScaling{Type: "linear", Factor: 4}.factors(4, theta))
}
