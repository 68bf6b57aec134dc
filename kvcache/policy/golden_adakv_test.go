package policy

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

type adaParams struct {
	Heads     int     `json:"num_q_heads"`
	KVHeads   int     `json:"num_kv_heads"`
	Len       int     `json:"seq_len"`
	Dim       int     `json:"head_dim"`
	Window    int     `json:"window_size"`
	Capacity  int     `json:"base_capacity_arg"`
	Kernel    int     `json:"kernel_size"`
	Pooling   string  `json:"pooling"`
	Floor     float64 `json:"floor_alpha"`
	Normalize bool    `json:"normalize"`
	Group     string  `json:"gqa"`
	Exact     bool    `json:"positions_unambiguous"`
	Pyramid   []int   `json:"-"` // layer, layers, beta
}

// UnmarshalJSON reads the key with commas too, which a field's tag cannot hold.
func (p *adaParams) UnmarshalJSON(b []byte) error {
	type plain adaParams
	if err := json.Unmarshal(b, (*plain)(p)); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	return json.Unmarshal(all["pyramid(layer,num_layers,beta)"], &p.Pyramid)
}

// AdaKV keeps what the official code keeps, per query head (its keys are
// repeated before, so ours are too) and per KV head, with PyramidKV's budgets
// too. Where maximum pooling leaves equal scores at the border, any of them may
// stay.
func TestAdaKVGolden(t *testing.T) {
	type adaCase struct {
		Params adaParams
		Inputs struct {
			Q tensor `json:"q_window"`
			K tensor
		}
		Outputs struct {
			Lens    []int                         `json:"head_lens_incl_window"`
			Kept    [][]int32                     `json:"kept_positions_sorted"`
			MustMay []struct{ Must, May []int32 } `json:"must_may"`
		}
	}
	golden(t, "adakv_official_*.json", func(t *testing.T, c adaCase) {
		p := c.Params
		snap := SnapKV{Budget: p.Capacity, Observe: p.Window, Kernel: p.Kernel}
		if p.Pooling == "maxpool" {
			snap.Pool = Max
		}
		repeat := 1
		switch p.Group {
		case "mean":
		case "max":
			snap.Group = Most
		default:
			repeat = p.Heads / p.KVHeads
		}
		pol := AdaKV{Scorer: snap, Floor: p.Floor, Normalize: p.Normalize}
		if p.Pyramid != nil {
			pol.Scorer = PyramidKV{Scorer: snap, Beta: p.Pyramid[2]}
		}
		l := newLayer(t, p.Heads, p.KVHeads*repeat, p.Dim, pol)
		if p.Pyramid != nil {
			l.c.Layer(0).Index, l.c.Layer(0).NumLayers = p.Pyramid[0], p.Pyramid[1]
		}
		prompt(l, c.Inputs.Q, c.Inputs.K, repeat)
		require.Len(t, l.kept(), len(c.Outputs.Kept))
		for h, kept := range l.kept() {
			require.Len(t, kept, c.Outputs.Lens[h], "head %d", h)
			if p.Exact || c.Outputs.MustMay == nil {
				require.Equal(t, c.Outputs.Kept[h], kept, "head %d", h)
				continue
			}
			past := p.Len - p.Window
			border := len(kept) - p.Window
			require.Equal(t, span(nil, past, p.Len), kept[border:], "head %d: the window", h)
			must, may := c.Outputs.MustMay[h].Must, c.Outputs.MustMay[h].May
			require.Subset(t, kept[:border], must, "head %d", h)
			require.Subset(t, slices.Concat(must, may), kept[:border], "head %d", h)
		}
	})
}

func TestAdaKVCompetes(t *testing.T) {
	nan := float32(math.NaN())
	require.Equal(t, []int{3, 1}, compete([][]float32{{5, 1, 9, 7}, {2, 6, 0}}, 4))
	require.Equal(t, []int{2, 1}, compete([][]float32{{1, 1, 1}, {1, 1, 1}}, 3), "the lower slot, then the lower head")
	require.Equal(t, []int{1, 2}, compete([][]float32{{nan, 3}, {2, 1, nan}}, 3))
	require.Equal(t, []int{2, 3}, compete([][]float32{{nan, 3}, {2, 1, nan}}, 5))
	require.Equal(t, []int{0, 0}, compete([][]float32{{1}, {2}}, 0))

	x := [][]float32{{1, 3, 0}, {0, 0, 0}, {2, 2, 2}}
	l := newLayer(t, 1, 1, 2, nil).c.Layer(0)
	require.Equal(t, [][]float32{{0.75, 2.25, 0}, {0, 0, 0}, {2. / 3, 2. / 3, 2. / 3}}, normalized(l, x, []int{1, 1, 1}))

	// Halves go to even: 0.8·43+3 = 37.4, 0.5·7+3 = 6.5, 0.5·9+3 = 7.5.
	require.Equal(t, 37, AdaKV{Floor: 0.2}.mix(43, 16))
	require.Equal(t, 6, AdaKV{Floor: 0.5}.mix(7, 7))
	require.Equal(t, 8, AdaKV{Floor: 0.5}.mix(9, 7))
	require.Equal(t, 9, AdaKV{}.mix(9, 7))
}

// adaTwice runs two prompts of n tokens each; the keys are such that all rows of
// head 0 draw alike and one of head 1 draws nearly everything.
func adaTwice(t *testing.T, p kvcache.Policy, n int) [][]int32 {
	l := newLayer(t, 2, 2, 1, p)
	for range 2 {
		q, k := make([]float32, 2*n), make([]float32, 2*n)
		for j := range n {
			q[2*j+1] = 1
		}
		if l.next == 0 {
			k[2*3+1] = 20
		}
		l.step(true, q, k, k)
	}
	return l.kept()
}

// The head with one row that counts cedes its budget; heads of the layers to
// skip cede nothing. A second prompt is compressed like the first.
func TestAdaKVTwoPrompts(t *testing.T) {
	snap := SnapKV{Budget: 12, Observe: 2, Kernel: 1}
	kept := adaTwice(t, AdaKV{Scorer: snap}, 40)
	require.Len(t, kept[0], 2+17, "0.8·19+2, rounded")
	require.Len(t, kept[1], 2+3, "0.8·1+2, rounded")
	require.Equal(t, []int32{0, 1, 3, 78, 79}, kept[1])
	for _, own := range adaTwice(t, AdaKV{Scorer: snap, Skip: 1}, 40) {
		require.Len(t, own, 12)
	}
	for _, own := range adaTwice(t, AdaKV{Scorer: snap}, 6) {
		require.Len(t, own, 12, "all fit")
	}
	for _, own := range adaTwice(t, AdaKV{Scorer: SnapKV{Budget: 2, Observe: 2}}, 6) {
		require.Equal(t, []int32{10, 11}, own, "no room beside the window")
	}
}

// Heads of different lengths have different rows that stay in any case, at the
// end of a second prompt, and chunks of their own; the layer's budget holds.
func TestAdaKVRaggedScorers(t *testing.T) {
	for _, s := range []Scorer{
		LagKV{Budget: 20, Sink: 2, Lag: 5, Cross: true},
		PyramidKV{Scorer: LagKV{Budget: 20, Sink: 2, Lag: 5, Cross: true}},
		ChunkKV{Scorer: SnapKV{Budget: 20, Observe: 2}, Length: 3, PerHead: true},
		CurDKV{Budget: 20},
		NonCausalAttention{Budget: 20, Chunk: 7},
	} {
		kept := adaTwice(t, AdaKV{Scorer: s, Safeguard: true}, 47)
		require.Equal(t, 40, len(kept[0])+len(kept[1]), "%+v", s)
	}
	l := newLayer(t, 2, 2, 2, AdaKV{Scorer: LagKV{Budget: 20, Sink: 2, Lag: 5, Cross: true}, Safeguard: true})
	x := make([]float32, 4*40)
	for j := range 40 {
		x[4*j], x[4*j+1] = float32(j*j%7), float32(j%3)
	}
	l.step(true, x, x, x)
	first := l.kept()
	require.NotEqual(t, len(first[0]), len(first[1]))
	l.step(true, x, x, x)
	for _, own := range l.kept() {
		require.Equal(t, span(nil, 75, 80), own[len(own)-5:], "the last whole partition")
	}
}

func TestAdaKVCheck(t *testing.T) {
	for want, p := range map[string]AdaKV{
		"Floor":   {Floor: 1.5},
		"NaN":     {Floor: math.NaN()},
		"Skip":    {Skip: -1},
		"Observe": {Scorer: PyramidKV{Scorer: SnapKV{Budget: 4, Observe: 5}}},
	} {
		require.ErrorContains(t, p.Check(kvcache.Shape{}, kvcache.Config{}), want)
	}
	require.NoError(t, AdaKV{Floor: -1}.Check(kvcache.Shape{}, kvcache.Config{}))
}
