package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

// KeyDiff keeps what the press of kvpress keeps, and scores as it does.
func TestKeyDiffGolden(t *testing.T) {
	type bundle struct {
		Params struct {
			Heads   int `json:"num_q_heads"`
			KVHeads int `json:"num_kv_heads"`
			Dim     int `json:"head_dim"`
			Kept    int `json:"n_kept"`
			Len     int `json:"seq_len"`
		}
		Inputs  struct{ K, V tensor }
		Outputs struct {
			KeyDiff struct {
				Scores tensor
				Kept   [][]int32 `json:"kept_positions_sorted"`
			}
		}
	}
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c bundle) {
		p := c.Params
		run := func(pol kvcache.Policy) *layer {
			l := newLayer(t, p.Heads, p.KVHeads, p.Dim, pol)
			l.step(true, make([]float32, p.Len*p.Heads*p.Dim), c.Inputs.K.tokenMajor(1), c.Inputs.V.tokenMajor(1))
			return l
		}
		require.Equal(t, c.Outputs.KeyDiff.Kept, run(KeyDiff{Budget: p.Kept}).kept())
		var scores []float32
		full := run(nil).c.Layer(0)
		for h := range full.Heads {
			scores = append(scores, keyDiff(make([]float32, p.Len), &full.Heads[h])...)
		}
		requireClose(t, c.Outputs.KeyDiff.Scores.Data, scores)
	})
}

// Of keys that all but point one way those that do not stay, however long, and
// the protected rows; a key of zeros is no different from any.
func TestKeyDiffKeepsWhatDiffers(t *testing.T) {
	k := make([]float32, 0, 40)
	for j := range 20 {
		switch j {
		case 6:
			k = append(k, 0, 1)
		case 13:
			k = append(k, -0.001, 0)
		case 9:
			k = append(k, 0, 0)
		default:
			k = append(k, 3, 0.1)
		}
	}
	for _, c := range []struct {
		p    KeyDiff
		want []int32
	}{
		{KeyDiff{Budget: 1}, []int32{13}},
		{KeyDiff{Budget: 3}, []int32{6, 9, 13}},
		{KeyDiff{Budget: 5}, []int32{0, 1, 6, 9, 13}},
		{KeyDiff{Budget: 5, Sink: 2, Recent: 1}, []int32{0, 1, 9, 13, 19}},
		{KeyDiff{Budget: 3, Sink: 1, Recent: 2}, []int32{0, 18, 19}},
	} {
		l := newLayer(t, 1, 1, 2, c.p)
		l.step(true, k, k, k)
		require.Equal(t, c.want, l.kept()[0], "%+v", c.p)
		l.step(false, k[:2], k[:2], k[:2])
		require.Equal(t, append(c.want, 20), l.kept()[0], "what is generated stays")
	}
}
