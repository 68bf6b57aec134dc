package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

type recycledCase struct {
	Params struct {
		Heads     int     `json:"num_q_heads"`
		KVHeads   int     `json:"num_kv_heads"`
		Prompt    int     `json:"prompt_len"`
		Dim       int     `json:"head_dim"`
		K         int     `json:"K"`
		Stride    int     `json:"stride_S"`
		Threshold float64 `json:"similarity_threshold"`
		Kernel    int     `json:"max_pool_kernel"`
		Group     string  `json:"gqa_aggregation"`
	}
	Inputs  struct{ Q, K, V tensor }
	Outputs struct {
		Initial [][]int32 `json:"initial_partial_cache"`
		Steps   []struct {
			Full       bool
			Similarity *float64
			After      [][]int32 `json:"partial_cache_after"`
		}
		Out tensor `json:"attn_out"`
	}
}

// partial returns head h's partial cache when its rows are at these positions.
func partial(f *fullStep, h int, pos []int32, topK int) []int32 {
	kept, older := f.kept[h].clone(), f.older(pos)
	kept.follow(pos[:older])
	return kept.partial(nil, len(pos), older, topK)
}

// The partial cache, the schedule and the attention of every step. The vectors
// come from an implementation of the paper, since its own was not published.
func TestRecycledGolden(t *testing.T) {
	golden(t, "recycled_attention_*.json", func(t *testing.T, c recycledCase) {
		p := c.Params
		if p.Group == "mean" {
			require.Equal(t, p.Heads, p.KVHeads, "a mean is the largest of one only")
		}
		pol := Recycled{TopK: p.K, Stride: p.Stride, Threshold: p.Threshold, Kernel: p.Kernel, FirstHead: p.Group == "first"}
		l := newLayer(t, p.Heads, p.KVHeads, p.Dim, pol)
		memo := func() *fullStep { return l.c.Layer(0).Memo.(*fullStep) }
		requirePartial := func(want [][]int32) {
			for h := range want {
				require.Equal(t, want[h], partial(memo(), h, l.c.Layer(0).Heads[h].Pos(), p.K), "head %d", h)
			}
		}
		q, k, v := c.Inputs.Q.tokenMajor(1), c.Inputs.K.tokenMajor(1), c.Inputs.V.tokenMajor(1)
		qd, kd := p.Heads*p.Dim, p.KVHeads*p.Dim
		l.step(true, q[:p.Prompt*qd], k[:p.Prompt*kd], v[:p.Prompt*kd])
		requirePartial(c.Outputs.Initial)
		require.NotEmpty(t, c.Outputs.Steps)
		var out []float32
		for s, step := range c.Outputs.Steps {
			at := p.Prompt + s
			before, now := memo().Clone().(*fullStep), q[at*qd:][:qd]
			out = append(out, l.step(false, now, k[at*kd:][:kd], v[at*kd:][:kd])...)
			require.Equal(t, step.Full, memo().pos != before.pos, "step %d", s+1)
			requirePartial(step.After)
			if step.Similarity != nil {
				mean := meanQuery(make([]float32, p.Dim), l.c.Layer(0), kvcache.Step{Q: now})
				require.InDelta(t, *step.Similarity, cosine(before.query, mean), 1e-5, "step %d", s+1)
			}
		}
		requireClose(t, c.Outputs.Out.Data, out)
		require.Equal(t, p.Prompt+len(c.Outputs.Steps), l.c.Rows(), "nothing is dropped")
	})
}

// More tokens than TopK since the full step: the scored rows leave, then the
// oldest of the others. Of equal scores the lower position leaves last.
func TestRecycledOrder(t *testing.T) {
	score := []float32{2, 9, 2, 0, 5}
	choose := func(n int) *fullStep {
		f := &fullStep{pos: 4, kept: make([]ranked, 1)}
		f.kept[0].slot = top(nil, score, n)
		f.kept[0].order(new(ranking), score, span(nil, 0, 5))
		return f
	}
	f := choose(3)
	for rows, want := range map[int][]int32{
		5: {0, 1, 4},
		6: {1, 4, 5},
		7: {1, 5, 6},
		8: {5, 6, 7},
		9: {6, 7, 8},
	} {
		require.Equal(t, want, partial(f, 0, span(nil, 0, rows), 3), "%d rows", rows)
	}
	require.Equal(t, []int32{2, 3}, partial(f, 0, []int32{0, 2, 4, 5}, 3), "a chosen row was dropped, the others moved down")
	f = choose(9)
	require.Equal(t, []int32{0, 1, 2, 3, 4, 5, 6}, partial(f, 0, span(nil, 0, 7), 9), "room for all")
	require.Equal(t, []int32{0, 1, 4, 5, 6, 7, 8, 9, 10}, partial(f, 0, span(nil, 0, 11), 9), "of two equal ones the higher left")
}
