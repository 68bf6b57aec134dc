package policy

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// ranker keeps what its Scorer's scores say, every one of them.
type ranker struct{ Scorer }

func (p ranker) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rows that cannot stay are not weighed, and what stays is the same.
func TestCriticalKVWeighsWhatMayStay(t *testing.T) {
	const heads, kvHeads, dim, n = 6, 2, 16, 300
	rng := rand.New(rand.NewPCG(1, 2))
	for _, flat := range []bool{false, true} { // whether W_o leaves few directions
		w := normal(rng, 40*heads*dim)
		for i := range w {
			if flat && i >= heads*dim {
				w[i] = w[i%(heads*dim)] * float32(1+i/(heads*dim))
			}
		}
		known := known{Output: quant.Pack(quant.F32, w, 40, heads*dim)}
		for _, first := range []float64{-1, 0.5, 1} {
			for _, scorer := range []Scorer{SnapKV{Budget: 40}, AdaKV{Scorer: SnapKV{Budget: 100}}} {
				q, k, v := normal(rng, n*heads*dim), normal(rng, n*kvHeads*dim), normal(rng, n*kvHeads*dim)
				for j := range n { // values of very different lengths
					length := float32(math.Exp(rng.NormFloat64()))
					for d := range kvHeads * dim {
						v[j*kvHeads*dim+d] *= length
					}
				}
				p := CriticalKV{Scorer: scorer, First: first}
				some, all := newLayerOf(t, heads, kvHeads, dim, p, known), newLayerOf(t, heads, kvHeads, dim, ranker{p}, known)
				some.step(true, q, k, v)
				all.step(true, q, k, v)
				require.Equal(t, all.kept(), some.kept(), "%T, first %v", scorer, first)
			}
		}
	}
}

func TestOutputNorms(t *testing.T) {
	const heads, kvHeads, dim, n, width = 6, 2, 16, 100, 43
	rng := rand.New(rand.NewPCG(1, 2))
	w, v := normal(rng, width*heads*dim), normal(rng, n*kvHeads*dim)
	l := newLayerOf(t, heads, kvHeads, dim, nil, known{Output: quant.Pack(quant.F32, w, width, heads*dim)})
	l.step(true, make([]float32, n*heads*dim), make([]float32, len(v)), v)
	o := newOutput(l.c.Layer(0))
	rows := []int32{0, 1, 2, 50, 63, 64, 65, 99}
	got, most := make([]float32, len(rows)), make([]float32, len(rows))
	for h := range kvHeads {
		o.norms(got, h, rows)
		o.bounds(most, h, rows)
		for i, j := range rows {
			sum := 0.0
			for r := range width {
				for g := range heads / kvHeads {
					x := 0.0
					for d := range dim {
						x += float64(w[r*heads*dim+(h*heads/kvHeads+g)*dim+d]) * float64(v[(int(j)*kvHeads+h)*dim+d])
					}
					sum += math.Abs(x) * kvHeads / heads
				}
			}
			require.InEpsilon(t, sum, got[i], 1e-5)
			require.Greater(t, most[i], got[i])
			require.Less(t, most[i], 2*got[i])
		}
	}
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}
