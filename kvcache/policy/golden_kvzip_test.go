package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// The scores that a chunk's rehearsal gives the context.
func TestKVzipGolden(t *testing.T) {
	type zipCase struct {
		Params struct {
			Heads   int     `json:"num_q_heads"`
			KVHeads int     `json:"num_kv_heads"`
			Context int     `json:"context_len"`
			From    int     `json:"chunk_start"`
			To      int     `json:"chunk_end"`
			Repeat  int     `json:"repeat_len"`
			Dim     int     `json:"head_dim"`
			Sink    int     `json:"n_sink"`
			Theta   float64 `json:"rope_theta"`
		}
		Inputs struct {
			Q tensor `json:"q_prerope_repeat"`
			K tensor `json:"k_context_plus_repeat(post-RoPE)"`
			V tensor `json:"v_context_plus_repeat"`
		}
		Outputs struct {
			KVzip struct {
				Scores tensor `json:"score_after_chunk"`
			}
		}
	}
	golden(t, "kvzip_*.json", func(t *testing.T, c zipCase) {
		p := c.Params
		l := newLayer(t, p.Heads, p.KVHeads, p.Dim, KVzip{Budget: 20, Sink: p.Sink})
		k, v := c.Inputs.K.tokenMajor(1), c.Inputs.V.tokenMajor(1)
		qd, kd := p.Heads*p.Dim, p.KVHeads*p.Dim
		l.step(true, make([]float32, p.Context*qd), k[:p.Context*kd], v[:p.Context*kd])
		// Queries stand behind p.Context zeros, so that they turn by their positions.
		q := append(make([]float32, p.Context*qd), c.Inputs.Q.tokenMajor(1)...)
		rotate(attention.NewRope(p.Dim, p.Theta, nil, false), q, p.Heads, p.Dim)
		l.again = &kvcache.Again{From: int32(p.From), To: int32(p.To), Since: int32(p.Context)}
		l.step(true, q[p.Context*qd:], k[p.Context*kd:], v[p.Context*kd:])
		var got []float32
		for h := range l.c.Layer(0).Heads {
			got = append(got, l.c.Layer(0).Heads[h].Score()[:p.Context]...)
		}
		for i, want := range c.Outputs.KVzip.Scores.Data {
			// kvpress sets the sinks' scores; here they stay by construction.
			if i%p.Context < p.Sink {
				got[i] = want
			}
		}
		requireClose(t, c.Outputs.KVzip.Scores.Data, got)
	})
}

// The best rows of all layers stay, and the sinks of each head.
func TestKVzipSettles(t *testing.T) {
	run := func(p KVzip) (kept [][]int32) {
		l := newLayer(t, 1, 1, 2, p)
		x := make([]float32, 2*6)
		l.step(true, x, x, x)
		other := newLayer(t, 1, 1, 2, p)
		other.step(true, x, x, x)
		copy(l.c.Layer(0).Heads[0].Score(), []float32{0, 5, 1, 7, 6, 8})
		copy(other.c.Layer(0).Heads[0].Score(), []float32{0, 1, 2, 1, 2, 6})
		layers := []kvcache.Layer{*l.c.Layer(0), *other.c.Layer(0)}
		p.Settle(layers)
		for i := range layers {
			kept = append(kept, append([]int32{}, layers[i].Heads[0].Pos()...))
		}
		return kept
	}
	require.Equal(t, [][]int32{{0, 3, 4, 5}, {0, 5}}, run(KVzip{Budget: 3, Sink: 1}), "of equal scores the lower layer's stays")
	require.Equal(t, [][]int32{{0, 3, 5}, {0, 2, 5}}, run(KVzip{Budget: 3, Sink: 1, PerLayer: true}))
	require.Equal(t, [][]int32{{3, 4, 5}, {5}}, run(KVzip{Budget: 2, Sink: -1}))
}
