package quant_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/quant"
)

// kiviCase is a golden file of attention over a KIVI cache.
type kiviCase struct {
	Params struct {
		Heads    int `json:"num_heads"`
		Prompt   int `json:"prompt_len"`
		Steps    int `json:"decode_steps"`
		Dim      int `json:"head_dim"`
		Group    int `json:"group_size"`
		Residual int `json:"residual_length"`
		Bits     int `json:"k_bits"`
	}
	Inputs  struct{ Q, K, V goldenTensor }
	Outputs map[string]json.RawMessage
}

// Attention over keys and values in the formats, on KIVI's schedule, is what
// KIVI's own forward pass computes: the prompt attends to exact rows; keys become
// codes when as many as the residual length are exact, a value when there is one
// more.
func TestKIVIAttentionAgainstReference(t *testing.T) {
	for _, file := range refdata.Glob(t, refdata.Golden(t, "kivi_attention_*.json")) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var c kiviCase
		require.NoError(t, json.Unmarshal(data, &c), file)
		p := c.Params
		var attention goldenTensor // [forwards][heads][dim]
		var sizes [][4]int         // after each forward
		require.NoError(t, json.Unmarshal(c.Outputs["attn_out_last_query_per_forward"], &attention))
		require.NoError(t, json.Unmarshal(c.Outputs["sizes_per_forward[k_quant,k_full,v_quant,v_full]"], &sizes))
		want := attention.values()
		channel, tolerance := quant.Int4Channel, 2e-3
		if p.Bits == 2 {
			channel, tolerance = quant.Int2Channel, 2e-2
		}
		keys, values := 0, 0 // that are codes
		for step := range p.Steps + 1 {
			tokens := p.Prompt + step
			for h := range p.Heads {
				rows := func(x goldenTensor) []float32 {
					n := (p.Prompt + p.Steps) * p.Dim
					return x.values()[h*n:][:tokens*p.Dim]
				}
				k, v := rows(c.Inputs.K), rows(c.Inputs.V)
				got := attend(rows(c.Inputs.Q)[(tokens-1)*p.Dim:], kiviKeys(channel, k, keys, p.Group, p.Dim), kiviValues(channel, v, values, p.Group, p.Dim))
				require.InDeltaSlice(t, want[(step*p.Heads+h)*p.Dim:][:p.Dim], got, tolerance, "%s: forward %d, head %d", file, step, h)
			}
			switch {
			case step == 0:
				keys, values = tokens/p.Residual*p.Residual, max(0, tokens-p.Residual)
			case tokens-keys == p.Residual:
				keys = tokens
				fallthrough
			default:
				values = max(values, tokens-p.Residual)
			}
			require.Equal(t, sizes[step], [4]int{keys, tokens - keys, values, tokens - values}, "%s: forward %d", file, step)
		}
	}
}

// kiviKeys returns x [tokens][dim] with the first n rows as codes, per channel
// over a group of rows.
func kiviKeys(f quant.Format, x []float32, n, group, dim int) []float32 {
	y := append([]float32{}, x...)
	for j := 0; j < n; j += group {
		quant.Pack(f, x[j*dim:(j+group)*dim], group, dim).Decode(y[j*dim:], 0, group)
	}
	return y
}

// kiviValues returns x [tokens][dim] with the first n rows as codes, per row over
// a group of channels: a group of each is a channel of a matrix.
func kiviValues(f quant.Format, x []float32, n, group, dim int) []float32 {
	y := append([]float32{}, x...)
	groups := (n*dim/group/f.Block() + 1) * f.Block() // the last are empty
	turned := make([]float32, groups*group)
	for i := range n * dim {
		turned[i%group*groups+i/group] = x[i]
	}
	quant.Pack(f, turned, group, groups).Decode(turned, 0, group)
	for i := range n * dim {
		y[i] = turned[i%group*groups+i/group]
	}
	return y
}

// attend is attention of one query over all rows, in double precision.
func attend(q, k, v []float32) []float32 {
	dim := len(q)
	out, sum := make([]float64, dim), 0.0
	for j := 0; j < len(k); j += dim {
		logit := 0.0
		for d := range q {
			logit += float64(q[d]) * float64(k[j+d])
		}
		w := math.Exp(logit / math.Sqrt(float64(dim)))
		sum += w
		for d := range out {
			out[d] += w * float64(v[j+d])
		}
	}
	y := make([]float32, dim)
	for d := range y {
		y[d] = float32(out[d] / sum)
	}
	return y
}
