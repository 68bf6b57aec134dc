package policy

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The column holds what attention within chunks gives, of which the last of a
// prompt may be short; a prompt that follows begins with what was generated.
func TestNonCausalAttentionVotes(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const dim = 4
	l := newLayer(t, 2, 1, dim, NonCausalAttention{Budget: 100, Chunk: 8})
	var qs, ks []float32
	step := func(prompt bool, n int) {
		q, k := make([]float32, 2*n*dim), make([]float32, n*dim)
		for i := range q {
			q[i] = float32(rng.NormFloat64())
		}
		for i := range k {
			k[i] = float32(rng.NormFloat64())
		}
		qs, ks = append(qs, q...), append(ks, k...)
		l.step(prompt, q, k, k)
	}
	step(true, 21)
	for range 3 {
		step(false, 1)
	}
	step(true, 10)
	score := l.c.Layer(0).Heads[0].Score()
	for _, c := range []struct{ query, row, to int }{{0, 0, 8}, {8, 8, 16}, {16, 16, 21}, {24, 21, 32}, {32, 32, 34}} {
		want := make([]float32, c.to-c.row)
		for g := range 2 {
			for t := c.query; t < c.to; t++ {
				w := make([]float64, len(want))
				sum := 0.0
				for j := range w {
					w[j] = math.Exp(dot(qs[(2*t+g)*dim:][:dim], ks[(c.row+j)*dim:][:dim]))
					sum += w[j]
				}
				for j := range w {
					want[j] += float32(w[j] / sum / 2)
				}
			}
		}
		requireClose(t, want, score[c.row:c.to])
	}
	require.Nil(t, l.c.Layer(0).Memo, "no query is held when a prompt has ended")
}

// Rows that were dropped take their scores along, and the last ones stay.
func TestNonCausalAttentionProtects(t *testing.T) {
	l := newLayer(t, 1, 1, 2, NonCausalAttention{Budget: 6, Sink: 2, Recent: 2, Chunk: 4})
	rows := func(n, large int) []float32 {
		x := make([]float32, 2*n)
		x[2*large] = 3
		return x
	}
	x := rows(12, 6) // of a pooled hit both neighbours stay too, as far as there is room
	l.step(true, x, x, x)
	require.Equal(t, [][]int32{{0, 1, 5, 6, 10, 11}}, l.kept())
	x = rows(4, 1)
	l.step(true, x, x, x)
	require.Equal(t, [][]int32{{0, 1, 5, 6, 14, 15}}, l.kept())
}
