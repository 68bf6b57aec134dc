package calibrate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/quant"
)

// correlated returns n inputs whose channels mix and differ in size, as those
// of a trained model do.
func correlated(rng *rand.Rand, n, dim int) []float32 {
	return mixture(rng, n, dim, func(int) float64 { return math.Exp(rng.NormFloat64()) })
}

// mixture returns n inputs whose channels, of given sizes, mix eight sources.
func mixture(rng *rand.Rand, n, dim int, sizeOf func(d int) float64) []float32 {
	mix, size := make([]float64, dim*8), make([]float64, dim)
	for i := range mix {
		mix[i] = rng.NormFloat64()
	}
	for d := range size {
		size[d] = sizeOf(d)
	}
	x := make([]float32, n*dim)
	for j := range n {
		var z [8]float64
		for k := range z {
			z[k] = rng.NormFloat64()
		}
		for d := range dim {
			v := 0.5 * rng.NormFloat64()
			for k := range z {
				v += mix[d*8+k] * z[k]
			}
			x[j*dim+d] = float32(v * size[d])
		}
	}
	return x
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func pool(t testing.TB, threads int) *par.Pool {
	p := par.New(threads)
	t.Cleanup(p.Close)
	return p
}

func moments(t testing.TB, x []float32, dim, threads int) *calibrate.Moments {
	m := calibrate.NewMoments(dim, pool(t, threads))
	for lo := 0; lo < len(x); lo += 100 * dim {
		m.Add(x[lo:min(lo+100*dim, len(x))])
	}
	return m
}

func TestMoments(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, dim = 250, 130
	x := correlated(rng, n, dim)
	m := moments(t, x, dim, 1)
	require.Equal(t, m.Sum, moments(t, x, dim, 3).Sum, "threads change nothing")
	require.Equal(t, n, m.N)
	e := normal(rng, 5*dim)
	want := 0.0
	for i := range dim {
		for j := range dim {
			sum := 0.0
			for r := range n {
				sum += float64(x[r*dim+i]) * float64(x[r*dim+j])
			}
			require.InDelta(t, sum, m.Sum[i*dim+j], 1e-3*(1+math.Abs(sum)))
			for r := range 5 {
				want += float64(e[r*dim+i]) * sum / n * float64(e[r*dim+j])
			}
		}
		require.InDelta(t, math.Sqrt(m.Sum[i*dim+i]/n), m.RMS()[i], 1e-9)
	}
	require.InEpsilon(t, want, m.Energy(e), 1e-4)
}

// optimalBrain quantizes one row as the paper derives it: after each column the
// inverse of the Hessian of those that remain is computed anew.
func optimalBrain(w []float64, h *mat.SymDense, round func(d int, v float64) float64, order []int) []float64 {
	w, out := append([]float64{}, w...), make([]float64, len(w))
	for at, d := range order {
		rest := order[at:]
		sub := mat.NewSymDense(len(rest), nil)
		for a, i := range rest {
			for b, j := range rest {
				sub.SetSym(a, b, h.At(i, j))
			}
		}
		var inverse mat.Dense
		if err := inverse.Inverse(sub); err != nil {
			panic(err)
		}
		out[d] = round(d, w[d])
		e := (out[d] - w[d]) / inverse.At(0, 0)
		for b, j := range rest {
			w[j] += e * inverse.At(0, b)
		}
	}
	return out
}

func TestGPTQIsOptimalBrainQuantization(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const rows, dim, damping = 3, 160, 0.02
	x := correlated(rng, 400, dim)
	m := moments(t, x, dim, 2)
	mean := 0.0
	for d := range dim {
		mean += m.Sum[d*dim+d] / dim
	}
	h := mat.NewSymDense(dim, append([]float64{}, m.Sum...))
	order := make([]int, dim)
	for d := range dim {
		h.SetSym(d, d, h.At(d, d)+damping*mean)
		order[d] = d
	}
	for a := range order { // selection sort, by falling second moment
		for b := a + 1; b < dim; b++ {
			if m.Sum[order[b]*dim+order[b]] > m.Sum[order[a]*dim+order[a]] {
				order[a], order[b] = order[b], order[a]
			}
		}
	}
	w := normal(rng, rows*dim)
	codes, _ := quant.CodesOf(quant.Q4_0)
	nearest := quant.Pack(quant.Q4_0, w, rows, dim)
	q, err := calibrate.GPTQ{Damping: damping}.Quantize(quant.Q4_0, w, rows, m)
	require.NoError(t, err)
	got := make([]float32, rows*dim)
	q.Decode(got, 0, rows)
	for r := range rows {
		row := make([]float64, dim)
		for d := range row {
			row[d] = float64(w[r*dim+d])
		}
		scale, minimum := make([]float32, dim), make([]float32, dim)
		codes.Lines(scale, minimum, nearest.Row(r))
		want := optimalBrain(row, h, func(d int, v float64) float64 {
			s := float64(scale[d])
			return s * max(-8, min(math.RoundToEven(v/s), 7))
		}, order)
		// The rounding of sums may tip a value that lies between two codes.
		differ := 0
		for d := range want {
			if math.Abs(want[d]-float64(got[r*dim+d])) > 1e-4 {
				differ++
			}
		}
		require.LessOrEqual(t, differ, 2, "row %d", r)
	}
}

// The error of the output is below that of rounding to nearest, whatever the
// format and the order, and the scales are those of the format.
func TestGPTQ(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const rows, dim = 33, 512
	m := moments(t, correlated(rng, 1000, dim), dim, 2)
	w := normal(rng, rows*dim)
	for _, name := range quant.Names() {
		f, err := quant.ByName(name)
		require.NoError(t, err)
		if _, ok := quant.CodesOf(f); !ok {
			continue
		}
		nearest := energy(m, w, quant.Pack(f, w, rows, dim))
		for _, g := range []calibrate.GPTQ{{}, {Natural: true}} {
			t.Run(fmt.Sprintf("%s/natural=%v", name, g.Natural), func(t *testing.T) {
				q, err := g.Quantize(f, w, rows, m)
				require.NoError(t, err)
				require.Less(t, energy(m, w, q), 0.7*nearest)
				again, err := g.Quantize(f, w, rows, moments(t, correlated(rand.New(rand.NewPCG(5, 6)), 1000, dim), dim, 1))
				require.NoError(t, err)
				require.Equal(t, q.Data, again.Data, "threads change nothing")
			})
		}
	}
}

func energy(m *calibrate.Moments, w []float32, q quant.Matrix) float64 {
	e := make([]float32, len(w))
	q.Decode(e, 0, q.Rows)
	for i := range e {
		e[i] -= w[i]
	}
	return m.Energy(e)
}

func TestGPTQMistakes(t *testing.T) {
	m := calibrate.NewMoments(64, pool(t, 1))
	_, err := calibrate.GPTQ{}.Quantize(quant.F16, make([]float32, 64), 1, m)
	require.ErrorContains(t, err, "format f16 has no codes")
	_, err = calibrate.GPTQ{}.Quantize(quant.Q4_0, make([]float32, 64), 1, m)
	require.ErrorContains(t, err, "mean second moment of 64 inputs is 0")
	require.Panics(t, func() { m.Add(make([]float32, 65)) })
}
