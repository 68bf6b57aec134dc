package model_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/quant"
)

// A long tile makes its activations by columns, a short one by rows: what comes
// out is the same to the last bit, and so is what is observed.
func TestActivationsByColumnsAreThoseByRows(t *testing.T) {
	tokens := make([]int32, 70)
	for j := range tokens {
		tokens[j] = int32(j * 37 % 300)
	}
	for _, f := range []quant.Format{quant.F32, quant.Q8_0, quant.Q4_0} {
		m, _ := random(t, testmodel.Tiny(3), f)
		read := func(step int, observe bool) (logits []float32, seen map[string][]float32) {
			kv := newCache(t, m, kvcache.Config{K: quant.F32, V: quant.F32})
			s, q := new(model.Scratch), model.Seq{KV: kv}
			if seen = map[string][]float32{}; observe {
				s.Observe = func(weight string, x []float32) { seen[weight] = append(seen[weight], x...) }
			}
			for lo := 0; lo < len(tokens); lo += step {
				q.Tokens, q.Pos, q.Out = tokens[lo:min(lo+step, len(tokens))], nil, nil
				for j := range q.Tokens {
					q.Pos, q.Out = append(q.Pos, int32(lo+j)), append(q.Out, int32(j))
				}
				kv.Begin(kvcache.Step{Pos: q.Pos, Prompt: true})
				seqs := []model.Seq{q}
				require.NoError(t, m.Forward(context.Background(), seqs, s))
				logits = append(logits, seqs[0].Logits...)
			}
			return logits, seen
		}
		want, inputs := read(7, true)
		for _, observe := range []bool{false, true} {
			got, seen := read(len(tokens), observe)
			require.Equal(t, want, got, "%s, observed %v", f.Name(), observe)
			for name, x := range seen {
				require.Equal(t, inputs[name], x, name)
			}
			if observe {
				require.Contains(t, seen, "blk.0.ffn_gate.weight")
				require.Contains(t, seen, "blk.0.ffn_down.weight")
			}
		}
	}
}
