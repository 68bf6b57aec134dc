package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

// rows returns what the heads hold, [heads][rows][dim].
func (l *layer) rows() (keys, values []float32) {
	for h := range l.c.Layer(0).Heads {
		hd := &l.c.Layer(0).Heads[h]
		k, v := make([]float32, hd.Len()*hd.Dim()), make([]float32, hd.Len()*hd.Dim())
		hd.Rows(k, v, 0, hd.Len())
		keys, values = append(keys, k...), append(values, v...)
	}
	return keys, values
}

func (l *layer) keys() []float32 {
	k, _ := l.rows()
	return k
}

func (l *layer) values() []float32 {
	_, v := l.rows()
	return v
}

// LookM keeps what the original keeps, with its text prior and without, and
// Merge makes of the rest what it does. What the original calls averaging is
// left out: a slip pairs rows with others' targets there (see Merge); the
// paper's formula is compared.
func TestLookMGolden(t *testing.T) {
	type merge struct {
		K tensor `json:"k_out"`
		V tensor `json:"v_out"`
	}
	type lookCase struct {
		Params struct {
			Heads  int        `json:"num_heads"`
			Len    int        `json:"seq_len"`
			Dim    int        `json:"head_dim"`
			Images [][2]int32 `json:"image_spans"`
			Heavy  int        `json:"hh_size"`
			Recent int        `json:"recent_size"`
		}
		Inputs  struct{ Q, K, V tensor }
		Outputs struct {
			Kept          [][]int32 `json:"kept_positions_sorted"`
			Averaged      *merge    `json:"avg_paper_formula_own_code"`
			Pivot         *merge
			Weighted      *merge
			Evict         *merge `json:"text_prior_evict_only"`
			PriorPivot    *merge `json:"text_prior_pivot"`
			PriorWeighted *merge `json:"text_prior_weighted"`
		}
	}
	golden(t, "lookm_*.json", func(t *testing.T, c lookCase) {
		p := c.Params
		look := LookM{Important: p.Heavy, Recent: p.Recent, NoPrior: len(p.Images) == 0}
		compared := 0
		for _, m := range []struct {
			want *merge
			p    kvcache.Policy
		}{
			{c.Outputs.Averaged, Merge{Policy: look, How: Averaged}},
			{c.Outputs.Pivot, Merge{Policy: look}},
			{c.Outputs.PriorPivot, Merge{Policy: look}},
			{c.Outputs.Weighted, Merge{Policy: look, How: Weighted, Filter: true}},
			{c.Outputs.PriorWeighted, Merge{Policy: look, How: Weighted, Filter: true}},
			{c.Outputs.Evict, look},
		} {
			if m.want == nil {
				continue
			}
			compared++
			l := newLayer(t, p.Heads, p.Heads, p.Dim, m.p)
			l.kind = make([]uint8, p.Len)
			for _, image := range p.Images {
				for j := image[0]; j < image[1]; j++ {
					l.kind[j] = 1
				}
			}
			l.step(true, c.Inputs.Q.tokenMajor(1), c.Inputs.K.tokenMajor(1), c.Inputs.V.tokenMajor(1))
			require.Equal(t, c.Outputs.Kept, l.kept())
			k, v := l.rows()
			requireClose(t, m.want.K.Data, k)
			requireClose(t, m.want.V.Data, v)
		}
		require.GreaterOrEqual(t, compared, 3)
	})
}
