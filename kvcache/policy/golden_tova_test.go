package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

// TOVA keeps what the official cache keeps, step by step.
func TestTOVAGolden(t *testing.T) {
	type tovaCase struct {
		stepsCase
		Outputs struct {
			Kept [][]int32 `json:"kept_positions_after_prefill_then_each_step"`
			Out  tensor    `json:"attn_out_last_query_per_forward"`
		}
	}
	golden(t, "tova_official_*.json", func(t *testing.T, c tovaCase) {
		p := c.Params
		l := newLayer(t, p.QueryHeads, p.KVHeads, p.Dim, TOVA{Budget: p.Budget})
		var outs []float32
		c.play(l, func(step int, out []float32) {
			for h, kept := range l.kept() {
				require.Equal(t, c.Outputs.Kept[step], kept, "step %d, head %d", step, h)
			}
			outs = append(outs, out[len(out)-p.QueryHeads*p.Dim:]...)
		})
		requireClose(t, c.Outputs.Out.Data, outs)
	})
}

// Equal weights: what came last leaves, be it the newest row; heads whose rows
// differ are cut each for itself.
func TestTOVAProtectsNothing(t *testing.T) {
	l := newLayer(t, 2, 2, 2, TOVA{Budget: 3})
	zero := make([]float32, 5*4)
	l.step(true, zero, zero, zero)
	require.Equal(t, [][]int32{{0, 1, 2}, {0, 1, 2}}, l.kept())
	l.step(false, zero[:4], zero[:4], zero[:4])
	require.Equal(t, [][]int32{{0, 1, 2}, {0, 1, 2}}, l.kept())
	l.c.Layer(0).Heads[0].Drop(0, 2)
	l.step(false, zero[:4], zero[:4], zero[:4])
	require.Equal(t, [][]int32{{2, 6}, {0, 1, 2}}, l.kept())
	require.ErrorContains(t, TOVA{Budget: -1}.Check(kvcache.Shape{}, kvcache.Config{}), "Budget")
	require.ErrorContains(t, TOVA{Budget: 4, Recent: 5}.Check(kvcache.Shape{}, kvcache.Config{}), "Recent 5")
	require.ErrorContains(t, TOVA{Recent: -1}.Check(kvcache.Shape{}, kvcache.Config{}), "Recent -1")

	l = newLayer(t, 2, 2, 2, TOVA{Budget: 3, Recent: 2})
	l.step(true, zero, zero, zero)
	require.Equal(t, [][]int32{{0, 3, 4}, {0, 3, 4}}, l.kept())
	l.step(false, zero[:4], zero[:4], zero[:4])
	require.Equal(t, [][]int32{{0, 4, 5}, {0, 4, 5}}, l.kept(), "a new row stays")
}
