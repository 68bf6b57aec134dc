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

// damped returns the moments that a weighting goes by, with a hundredth of their
// mean on the diagonal.
func damped(w calibrate.Weighting, m *calibrate.Moments) *mat.SymDense {
	h, mean := mat.NewSymDense(m.Dim, nil), 0.0
	for d := range m.Dim {
		mean += m.Sum[d*m.Dim+d] / float64(m.Dim)
	}
	for i := range m.Dim {
		for j := i; j < m.Dim; j++ {
			switch {
			case w == calibrate.Whitened:
				h.SetSym(i, j, m.Sum[i*m.Dim+j])
			case i == j && w == calibrate.RMS:
				h.SetSym(i, i, m.Sum[i*m.Dim+i])
			case i == j:
				h.SetSym(i, i, 1)
			}
		}
		if w == calibrate.Whitened {
			h.SetSym(i, i, h.At(i, i)+0.01*mean)
		}
	}
	return h
}

// root returns the symmetric square root.
func root(t *testing.T, h *mat.SymDense) *mat.Dense {
	var eigen mat.EigenSym
	require.True(t, eigen.Factorize(h, true))
	var v, half mat.Dense
	eigen.VectorsTo(&v)
	values := eigen.Values(nil)
	half.Apply(func(_, k int, x float64) float64 { return x * math.Sqrt(values[k]) }, &v)
	half.Mul(&half, v.T())
	return &half
}

// The pair is as good as the best there is, which the exact decomposition gives
// (Eckart and Young), in the norm that is asked for.
func TestLoRCIsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][2]int{{40, 70}, {70, 40}, {5, 30}} {
		rows, cols := size[0], size[1]
		e := normal(rng, rows*cols)
		m := moments(t, correlated(rng, 500, cols), cols, 2)
		for _, w := range []calibrate.Weighting{calibrate.Whitened, calibrate.RMS, calibrate.Plain} {
			p, err := calibrate.LoRC{Rank: 8, Moments: m, Weighting: w}.Approximate(e, rows, cols)
			require.NoError(t, err)
			again, err := calibrate.LoRC{Rank: 8, Moments: m, Weighting: w}.Approximate(e, rows, cols)
			require.NoError(t, err)
			require.Equal(t, p, again)
			half := root(t, damped(w, m))
			var want, got mat.Dense
			want.Mul(dense(e, rows, cols), half)
			got.Mul(dense(residual(e, p, rows, cols), rows, cols), half)
			var exact mat.SVD
			require.True(t, exact.Factorize(&want, mat.SVDNone))
			best := 0.0
			for k, s := range exact.Values(nil) {
				if k >= 8 {
					best += s * s
				}
			}
			left := math.Pow(mat.Norm(&got, 2), 2)
			require.InDelta(t, best, left, 0.03*best+1e-6*mat.Norm(&want, 2), "%v, weighting %d", size, w)
		}
	}
}

func dense(x []float32, rows, cols int) *mat.Dense {
	d := mat.NewDense(rows, cols, nil)
	d.Apply(func(r, c int, _ float64) float64 { return float64(x[r*cols+c]) }, d)
	return d
}

// A pair for the error of a rounded weight: the plain one takes little of the
// output's error, that by channels most where these differ, the whitened one also
// where they go together.
func TestLoRCWeighted(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const rows, cols = 96, 128
	differ := normal(rng, 500*cols)
	for i := range differ {
		differ[i] *= float32(math.Exp(1.5 * float64((i%cols*37)%cols-cols/2) / (cols / 4)))
	}
	w := normal(rng, rows*cols)
	e := append([]float32{}, w...)
	stored := make([]float32, rows*cols)
	quant.Pack(quant.Q4_0, w, rows, cols).Decode(stored, 0, rows)
	for i, v := range stored {
		e[i] -= v
	}
	removed := func(x []float32, weighting calibrate.Weighting) float64 {
		m := moments(t, x, cols, 2)
		p, err := calibrate.LoRC{Rank: 8, Moments: m, Weighting: weighting}.Approximate(e, rows, cols)
		require.NoError(t, err)
		return 1 - m.Energy(residual(e, p, rows, cols))/m.Energy(e)
	}
	require.Less(t, removed(differ, calibrate.Plain), 0.3)
	require.Greater(t, removed(differ, calibrate.RMS), 0.5)
	mixed := mixture(rng, 500, cols, func(int) float64 { return 1 })
	require.Less(t, removed(mixed, calibrate.RMS), 0.4)
	require.Greater(t, removed(mixed, calibrate.Whitened), 0.8)
}

func TestLoRCDegenerate(t *testing.T) {
	silent := calibrate.NewMoments(6, pool(t, 1))
	for _, l := range []calibrate.LoRC{{Rank: 4}, {Rank: 4, Moments: silent}, {Rank: 4, Moments: silent, Weighting: calibrate.RMS}} {
		p, err := l.Approximate(make([]float32, 12), 2, 6)
		require.NoError(t, err)
		require.Equal(t, 2, p.Rank)
		for _, v := range append(p.A, p.B...) {
			require.Zero(t, v)
		}
	}
	require.Panics(t, func() { calibrate.LoRC{}.Approximate(nil, 0, 0) })
	require.Panics(t, func() {
		calibrate.LoRC{Rank: 1, Moments: silent, Weighting: 3}.Approximate(make([]float32, 12), 2, 6)
	})
}
