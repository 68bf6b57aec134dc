package calibrate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/quant"
)

// residual returns what a pair leaves of e.
func residual(e []float32, p calibrate.Pair, rows, cols int) []float32 {
	out := append([]float32{}, e...)
	for r := range rows {
		for d := range cols {
			for k := range p.Rank {
				out[r*cols+d] -= p.B[r*p.Rank+k] * p.A[k*cols+d]
			}
		}
	}
	return out
}

// The pair is as good as the best there is, which the exact decomposition gives
// (Eckart and Young), in the norm that is asked for.
func TestLoRCIsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][2]int{{40, 70}, {70, 40}, {5, 30}} {
		rows, cols := size[0], size[1]
		e := normal(rng, rows*cols)
		rms := make([]float64, cols)
		for d := range rms {
			rms[d] = math.Exp(1.5 * rng.NormFloat64())
		}
		for _, l := range []calibrate.LoRC{{Rank: 8}, {Rank: 8, RMS: rms}} {
			p, err := l.Approximate(e, rows, cols)
			require.NoError(t, err)
			rest := residual(e, p, rows, cols)
			scaled, left := mat.NewDense(rows, cols, nil), 0.0
			for r := range rows {
				for d := range cols {
					s := 1.0
					if l.RMS != nil {
						s = l.RMS[d]
					}
					scaled.Set(r, d, s*float64(e[r*cols+d]))
					left += s * s * float64(rest[r*cols+d]) * float64(rest[r*cols+d])
				}
			}
			var exact mat.SVD
			require.True(t, exact.Factorize(scaled, mat.SVDNone))
			best := 0.0
			for k, s := range exact.Values(nil) {
				if k >= 8 {
					best += s * s
				}
			}
			require.InDelta(t, best, left, 0.03*best+1e-6*mat.Norm(scaled, 2), "%v, weighted %v", size, l.RMS != nil)
		}
	}
}

// A pair for the error of a rounded weight: the plain one takes little of the
// output's error, the weighted one most where channels differ.
func TestLoRCWeighted(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const rows, cols = 96, 128
	x := normal(rng, 500*cols)
	for i := range x {
		x[i] *= float32(math.Exp(1.5 * float64((i%cols*37)%cols-cols/2) / (cols / 4)))
	}
	m := moments(t, x, cols, 2)
	w := normal(rng, rows*cols)
	q := quant.Pack(quant.Q4_0, w, rows, cols)
	e := append([]float32{}, w...)
	stored := make([]float32, rows*cols)
	q.Decode(stored, 0, rows)
	for i, v := range stored {
		e[i] -= v
	}
	share := func(l calibrate.LoRC) float64 {
		p, err := l.Approximate(e, rows, cols)
		require.NoError(t, err)
		again, err := l.Approximate(e, rows, cols)
		require.NoError(t, err)
		require.Equal(t, p, again)
		return 1 - m.Energy(residual(e, p, rows, cols))/m.Energy(e)
	}
	plain, weighted := share(calibrate.LoRC{Rank: 8}), share(calibrate.LoRC{Rank: 8, RMS: m.RMS()})
	require.Greater(t, weighted, 0.5)
	require.Less(t, plain, 0.3)
}

func TestLoRCDegenerate(t *testing.T) {
	for _, l := range []calibrate.LoRC{{Rank: 4}, {Rank: 4, RMS: make([]float64, 6)}} {
		p, err := l.Approximate(make([]float32, 12), 2, 6)
		require.NoError(t, err)
		require.Equal(t, 2, p.Rank)
		for _, v := range append(p.A, p.B...) {
			require.Zero(t, v)
		}
	}
	require.Panics(t, func() { calibrate.LoRC{}.Approximate(nil, 0, 0) })
}
