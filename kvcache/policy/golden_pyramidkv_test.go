package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

// The budgets of KVCache-Factory and of Ada-KV's code, which agree here. The
// file's third list, of kvpress, is of budgets by ratio in another arithmetic,
// to which nothing here corresponds.
func TestPyramidKVBudgetsGolden(t *testing.T) {
	type budgetCase struct {
		Outputs struct {
			Rows []struct {
				Len      int   `json:"seq_len"`
				Capacity int   `json:"max_capacity_prompt"`
				Window   int   `json:"window_size"`
				Beta     int   `json:"beta"`
				Layers   int   `json:"num_layers"`
				Factory  []int `json:"kept_per_layer_kvcache_factory"`
				AdaKV    []int `json:"kept_per_layer_adakv_repo"`
			} `json:"fixed_capacity_rows"`
		}
	}
	golden(t, "pyramidkv_budgets_*.json", func(t *testing.T, c budgetCase) {
		require.NotEmpty(t, c.Outputs.Rows)
		for _, r := range c.Outputs.Rows {
			p := PyramidKV{Scorer: SnapKV{Budget: r.Capacity, Observe: r.Window}, Beta: r.Beta}
			var kept []int
			for i := range r.Layers {
				l := newLayer(t, 1, 1, 2, p)
				l.c.Layer(0).Index, l.c.Layer(0).NumLayers = i, r.Layers
				x := make([]float32, 2*r.Len)
				l.step(true, x, x, x)
				kept = append(kept, len(l.kept()[0]))
			}
			require.Equal(t, r.Factory, kept, "%+v", r)
			require.Equal(t, r.AdaKV, kept, "%+v", r)
		}
	})
}

// PyramidKV keeps what the official code keeps, per query head (its keys are
// repeated before, so ours are too).
func TestPyramidKVGolden(t *testing.T) {
	type pyramidCase struct {
		Params struct {
			Heads    int `json:"num_q_heads"`
			KVHeads  int `json:"num_kv_heads"`
			Len      int `json:"seq_len"`
			Dim      int `json:"head_dim"`
			Window   int `json:"window_size"`
			Capacity int `json:"max_capacity_prompt"`
			Kernel   int `json:"kernel_size"`
			Beta     int `json:"beta"`
			Layers   int `json:"num_layers"`
		}
		Inputs struct {
			Q tensor `json:"q_window"`
			K tensor
		}
		Outputs struct {
			Layers []struct {
				Index int       `json:"layer_idx"`
				Kept  [][]int32 `json:"kept_positions_sorted"`
			}
		}
	}
	golden(t, "pyramidkv_d*.json", func(t *testing.T, c pyramidCase) {
		p := c.Params
		pol := PyramidKV{Scorer: SnapKV{Budget: p.Capacity, Observe: p.Window, Kernel: p.Kernel}, Beta: p.Beta}
		require.NotEmpty(t, c.Outputs.Layers)
		for _, want := range c.Outputs.Layers {
			l := newLayer(t, p.Heads, p.Heads, p.Dim, pol)
			l.c.Layer(0).Index, l.c.Layer(0).NumLayers = want.Index, p.Layers
			prompt(l, c.Inputs.Q, c.Inputs.K, p.Heads/p.KVHeads)
			require.Equal(t, want.Kept, l.kept(), "layer %d", want.Index)
		}
	})
}

// prompt runs a prompt of which the queries of the window matter alone and the
// values not at all.
func prompt(l *layer, window, keys tensor, repeat int) {
	k := keys.tokenMajor(repeat)
	q := make([]float32, keys.Shape[1]*l.p.NumHeads*l.p.HeadDim)
	last := window.tokenMajor(1)
	copy(q[len(q)-len(last):], last)
	l.step(true, q, k, k)
}

func TestPyramidKVShare(t *testing.T) {
	shares := func(b, length, window, layers int) (kept []int) {
		for i := range layers {
			kept = append(kept, PyramidKV{Beta: 20}.share(b, length, window, i, layers))
		}
		return
	}
	require.Equal(t, []int{100}, shares(100, 4096, 32, 1), "one layer")
	require.Equal(t, []int{195, 5}, shares(100, 4096, 32, 2))
	require.Equal(t, []int{195, 164, 133, 102, 71, 40, 9}, shares(100, 4096, 32, 7), "steps are rounded down")
	require.Equal(t, []int{100, 100}, shares(100, 199, 32, 2), "a short prompt")
	require.Equal(t, []int{168, 100, 32}, shares(100, 200, 32, 3), "the first layer has no more rows")
	require.Equal(t, []int{8, 8}, shares(8, 20, 32, 2), "the window is the prompt")
	require.ErrorContains(t, PyramidKV{Beta: -1}.Check(kvcache.Shape{}, kvcache.Config{}), "Beta")
	require.ErrorContains(t, PyramidKV{Scorer: SnapKV{Kernel: 2}}.Check(kvcache.Shape{}, kvcache.Config{}), "Kernel")
	require.NoError(t, PyramidKV{}.Check(kvcache.Shape{}, kvcache.Config{}))
}
