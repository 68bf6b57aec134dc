package policy

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

// The budgets of KVCache-Factory and of Ada-KV's code, which agree here, and
// those of kvpress, which follow from a ratio.
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
			Ratios []struct {
				Len    int     `json:"seq_len"`
				Ratio  float64 `json:"compression_ratio"`
				Window int     `json:"window_size"`
				Beta   int     `json:"beta"`
				Layers int     `json:"num_layers"`
				Kept   []int   `json:"budget_per_layer"`
			} `json:"kvpress_ratio_rows"`
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
		require.NotEmpty(t, c.Outputs.Ratios)
		for _, r := range c.Outputs.Ratios {
			var kept []int
			for i := range r.Layers {
				kept = append(kept, PyramidKV{Beta: r.Beta}.shareAll(float64(r.Len)*(1-r.Ratio), r.Len-r.Window, r.Window, i, r.Layers))
			}
			require.Equal(t, r.Kept, kept, "%+v", r)
		}
	})
}

// kvpress keeps these rows in each layer; equal scores leave it a choice.
func TestPyramidKVShareWindowGolden(t *testing.T) {
	type pyramidBundle struct {
		bundle
		Outputs struct {
			PyramidKV struct {
				Layers []struct {
					Index   int `json:"layer_idx"`
					Layers  int `json:"num_layers"`
					Beta    int
					Budget  int
					MustMay []struct{ Must, May []int32 } `json:"must_may"`
				}
			}
		}
	}
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c pyramidBundle) {
		p := c.Params
		require.NotEmpty(t, c.Outputs.PyramidKV.Layers)
		for _, want := range c.Outputs.PyramidKV.Layers {
			l := c.layer(t, PyramidKV{Scorer: SnapKV{Budget: p.Kept, Observe: p.Window, Kernel: p.Kernel}, Beta: want.Beta, ShareWindow: true})
			l.c.Layer(0).Index, l.c.Layer(0).NumLayers = want.Index, want.Layers
			c.read(l)
			for h, kept := range l.kept() {
				require.Len(t, kept, want.Budget, "layer %d", want.Index)
				require.Subset(t, kept, want.MustMay[h].Must, "layer %d", want.Index)
				require.Subset(t, slices.Concat(want.MustMay[h].Must, want.MustMay[h].May), kept, "layer %d", want.Index)
			}
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
	for window, layers := range map[int]int{32: 7, 16: 8, 5: 3} { // halves and thirds cancel out
		for _, b := range []int{41, 100, 333} {
			sum := 0
			for i := range layers {
				sum += window + PyramidKV{Beta: 20, ShareWindow: true}.share(b-window, 4096, window, i, layers)
			}
			require.Equal(t, b*layers, sum)
		}
	}
	require.Equal(t, 68, PyramidKV{Beta: 20, ShareWindow: true}.share(68, 4096, 32, 3, 7), "the last layer would have less than its window")
	require.ErrorContains(t, PyramidKV{Beta: -1}.Check(kvcache.Shape{}, kvcache.Config{}), "Beta")
	require.ErrorContains(t, PyramidKV{Scorer: SnapKV{Kernel: 2}}.Check(kvcache.Shape{}, kvcache.Config{}), "Kernel")
	require.NoError(t, PyramidKV{}.Check(kvcache.Shape{}, kvcache.Config{}))
}
