package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// stepsCase is a prompt and generated tokens, one policy step each.
type stepsCase struct {
	Params struct {
		Heads      int `json:"num_heads"`
		QueryHeads int `json:"num_q_heads"`
		KVHeads    int `json:"num_kv_heads"`
		Prompt     int `json:"prompt_len"`
		Steps      int `json:"decode_steps"`
		Dim        int `json:"head_dim"`
		Heavy      int `json:"hh_size"`
		Recent     int `json:"recent_size"`
		Budget     int `json:"cache_size"`
	}
	Inputs struct{ Q, K, V tensor }
}

// play runs the prompt and then the tokens; after each, done gets what the step
// put out.
func (c *stepsCase) play(l *layer, done func(step int, out []float32)) {
	q, k, v := c.Inputs.Q.tokenMajor(1), c.Inputs.K.tokenMajor(1), c.Inputs.V.tokenMajor(1)
	qd, kd := l.p.NumHeads*l.p.HeadDim, l.p.NumKVHeads*l.p.HeadDim
	n := c.Params.Prompt
	done(0, l.step(true, q[:n*qd], k[:n*kd], v[:n*kd]))
	for s := range c.Params.Steps {
		at := n + s
		done(1+s, l.step(false, q[at*qd:][:qd], k[at*kd:][:kd], v[at*kd:][:kd]))
	}
}

// H2O keeps and adds up what the official cache does, step by step.
func TestH2OStepsGolden(t *testing.T) {
	type h2oCase struct {
		stepsCase
		Outputs struct {
			Kept  [][][]int32 `json:"kept_positions_after_prefill_then_each_step"`
			Out   tensor      `json:"attn_out_per_step"`
			Score tensor      `json:"final_hh_score"`
		}
	}
	golden(t, "h2o_steps_*.json", func(t *testing.T, c h2oCase) {
		p := c.Params
		l := newLayer(t, p.Heads, p.Heads, p.Dim, H2O{Heavy: p.Heavy, Recent: p.Recent})
		var outs []float32
		c.play(l, func(step int, out []float32) {
			require.Equal(t, c.Outputs.Kept[step], l.kept(), "step %d", step)
			if step > 0 {
				outs = append(outs, out...)
			}
		})
		requireClose(t, c.Outputs.Out.Data, outs)
		var score []float32
		for h := range l.c.Layer(0).Heads {
			score = append(score, l.c.Layer(0).Heads[h].Score()...)
		}
		requireClose(t, c.Outputs.Score.Data, score)
	})
}

// At the end of a prompt H2O keeps what the one-shot baseline of
// KVCache-Factory keeps, per query head (its keys are repeated before) and per
// KV head.
func TestH2OPrefillGolden(t *testing.T) {
	type prefillCase struct {
		Params struct {
			Heads    int    `json:"num_q_heads"`
			KVHeads  int    `json:"num_kv_heads"`
			Len      int    `json:"seq_len"`
			Dim      int    `json:"head_dim"`
			Window   int    `json:"window_size"`
			Capacity int    `json:"max_capacity_prompt"`
			Unit     string `json:"granularity"`
		}
		Inputs struct {
			Q, K, V tensor
			Next    tensor `json:"q_next"`
		}
		Outputs struct {
			Kept  [][]int32 `json:"kept_positions_sorted"`
			Score tensor    `json:"accumulated_scores"`
			Out   tensor    `json:"attn_out_next_own"`
		}
	}
	golden(t, "h2o_prefill_*.json", func(t *testing.T, c prefillCase) {
		p := c.Params
		repeat := 1
		if p.Unit == "query_head" {
			repeat = p.Heads / p.KVHeads
		}
		l := newLayer(t, p.Heads, p.KVHeads*repeat, p.Dim, H2O{Heavy: p.Capacity - p.Window, Recent: p.Window})
		var score []float32
		l.votes = func(l *kvcache.Layer, seen *attention.Scores) {
			for h := range l.Heads {
				score = append(score, Mean.combine(l.Floats(l.Heads[h].Len()), group(l, seen, h))[:p.Len-p.Window]...)
			}
		}
		l.step(true, c.Inputs.Q.tokenMajor(1), c.Inputs.K.tokenMajor(repeat), c.Inputs.V.tokenMajor(repeat))
		require.Equal(t, c.Outputs.Kept, l.kept())
		requireClose(t, c.Outputs.Score.Data, score)
		l.votes = nil
		view := l.c.Update(0, 0, nil, nil, nil)
		view.Scores = nil
		out := make([]float32, len(c.Inputs.Next.Data))
		attention.Attend(out, c.Inputs.Next.Data, []int32{l.next}, view, l.p)
		requireClose(t, c.Outputs.Out.Data, out)
	})
}

// A later prompt adds to what earlier ones gathered, and rows of equal sums
// leave from the end.
func TestH2OAddsUp(t *testing.T) {
	l := newLayer(t, 2, 1, 2, H2O{Heavy: 2, Recent: 1})
	zero := make([]float32, 4*4)
	l.step(true, zero[:3*4], zero[:3*2], zero[:3*2])
	hd := &l.c.Layer(0).Heads[0]
	requireClose(t, []float32{1 + 1./2 + 1./3, 1./2 + 1./3, 1. / 3}, hd.Score())
	hd.Score()[1], hd.Score()[2] = 0.25, 0.25
	l.step(true, zero[:4], zero[:2], zero[:2])
	require.Equal(t, [][]int32{{0, 1, 3}}, l.kept())
	requireClose(t, []float32{1 + 1./2 + 1./3 + 1./4, 0.5, 0.25}, hd.Score())
	require.ErrorContains(t, H2O{Heavy: -1}.Check(kvcache.Shape{}, kvcache.Config{}), "Heavy -1")
	require.Equal(t, H2O{Heavy: 9, Recent: -1}, H2O{Recent: -1}.WithBudget(kvcache.Shape{}, 9))
	require.NoError(t, H2O{}.Check(kvcache.Shape{}, kvcache.Config{}))
}
