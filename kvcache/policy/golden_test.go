package policy

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// tensor is a float tensor of the golden files, row-major.
type tensor struct {
	Shape []int
	Data  []float32
}

func (x *tensor) UnmarshalJSON(b []byte) error {
	var f struct {
		Shape []int
		B64   []byte
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	x.Shape, x.Data = f.Shape, make([]float32, len(f.B64)/4)
	for i := range x.Data {
		x.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(f.B64[4*i:]))
	}
	return nil
}

// tokenMajor turns [heads][tokens][dim] into [tokens][heads·repeat][dim].
func (x tensor) tokenMajor(repeat int) []float32 {
	heads, tokens, dim := x.Shape[0], x.Shape[1], x.Shape[2]
	y := make([]float32, 0, len(x.Data)*repeat)
	for t := range tokens {
		for h := range heads * repeat {
			y = append(y, x.Data[(h/repeat*tokens+t)*dim:][:dim]...)
		}
	}
	return y
}

// golden reads the cases whose file name matches pattern into fresh values.
func golden[T any](t *testing.T, pattern string, run func(t *testing.T, c T)) {
	for _, file := range refdata.Glob(t, refdata.Golden(t, pattern)) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var c T
			require.NoError(t, json.Unmarshal(data, &c))
			run(t, c)
		})
	}
}

// layer drives one layer of a cache as a model would.
type layer struct {
	t     *testing.T
	c     *kvcache.Cache
	p     attention.Params
	next  int32
	again *kvcache.Again
	kind  []uint8
	votes func(l *kvcache.Layer, seen *attention.Scores) // sees the scores before the policy acts
}

// known is a model of which policies may ask.
type known attention.Weights

func (w known) Attention(int) attention.Weights { return attention.Weights(w) }

func (known) Run(n int, do func(i int)) {
	for i := range n {
		do(i)
	}
}

func newLayer(t *testing.T, heads, kvHeads, dim int, p kvcache.Policy) *layer {
	return newLayerOf(t, heads, kvHeads, dim, p, known{})
}

func newLayerOf(t *testing.T, heads, kvHeads, dim int, p kvcache.Policy, w known) *layer {
	l := &layer{t: t, p: attention.Params{NumHeads: heads, NumKVHeads: kvHeads, HeadDim: dim, Scale: float32(1 / math.Sqrt(float64(dim)))}}
	var err error
	l.c, err = kvcache.New(kvcache.Shape{NumLayers: 1, NumHeads: heads, NumKVHeads: kvHeads, HeadDim: dim},
		kvcache.Config{K: quant.F32, V: quant.F32, Policy: p, Model: w})
	require.NoError(t, err)
	return l
}

// step runs n tokens, [n][heads][dim], and returns their attention.
func (l *layer) step(prompt bool, q, k, v []float32) []float32 {
	n := len(k) / (l.p.NumKVHeads * l.p.HeadDim)
	pos := make([]int32, n)
	for j := range pos {
		pos[j] = l.next
		l.next++
	}
	l.c.Begin(kvcache.Step{Pos: pos, Prompt: prompt, Again: l.again, Kind: l.kind})
	view := l.c.Update(0, 0, q, k, v)
	dst := make([]float32, len(q))
	attention.Attend(dst, q, pos, view, l.p)
	if l.votes != nil && view.Scores != nil {
		l.votes(l.c.Layer(0), view.Scores)
	}
	l.c.Done(0)
	return dst
}

func (l *layer) kept() [][]int32 {
	var kept [][]int32
	for h := range l.c.Layer(0).Heads {
		kept = append(kept, append([]int32{}, l.c.Layer(0).Heads[h].Pos()...))
	}
	return kept
}

// requireClose compares with the tolerance that the vectors come with.
func requireClose(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-5+1e-4*math.Abs(float64(want[i]))) {
			require.Failf(t, "values differ", "at %d: want %v, got %v", i, want[i], got[i])
		}
	}
}

type snapCase struct {
	Params struct {
		Heads    int    `json:"num_q_heads"`
		KVHeads  int    `json:"num_kv_heads"`
		Len      int    `json:"seq_len"`
		Dim      int    `json:"head_dim"`
		Window   int    `json:"window_size"`
		Capacity int    `json:"max_capacity_prompt"`
		Kernel   int    `json:"kernel_size"`
		Pooling  string `json:"pooling"`
		Group    string `json:"gqa_score_agg"`
	}
	Inputs struct {
		Q    tensor `json:"q_window"`
		K, V tensor
		Next tensor `json:"q_next"`
	}
	Outputs struct {
		Kept [][]int32 `json:"kept_positions_sorted"`
		Out  tensor    `json:"attn_out_next_own"`
		Pool *tensor   `json:"pooled_scores"`
	}
}

// SnapKV keeps what the official code keeps, per query head (its keys are
// repeated before, so ours are too) and per KV head.
func TestSnapKVGolden(t *testing.T) {
	golden(t, "snapkv_*.json", func(t *testing.T, c snapCase) {
		p := SnapKV{Budget: c.Params.Capacity, Observe: c.Params.Window, Kernel: c.Params.Kernel}
		scale := float32(1)
		if c.Params.Pooling == "maxpool" {
			p.Pool = Max
		}
		switch c.Params.Group {
		case "max":
			p.Group = Most
		case "sum": // ranks as the mean does
			scale = float32(c.Params.Heads / c.Params.KVHeads)
		}
		repeat := 1
		if c.Params.Group == "" {
			repeat = c.Params.Heads / c.Params.KVHeads
		}
		kvHeads := c.Params.KVHeads * repeat
		l := newLayer(t, c.Params.Heads, kvHeads, c.Params.Dim, p)
		var pooled []float32
		l.votes = func(l *kvcache.Layer, seen *attention.Scores) {
			for h := range l.Heads {
				pooled = append(pooled, p.votes(l, seen, h)...)
			}
		}
		// Only the window's queries matter.
		q := make([]float32, c.Params.Len*c.Params.Heads*c.Params.Dim)
		window := c.Inputs.Q.tokenMajor(1)
		copy(q[len(q)-len(window):], window)
		l.step(true, q, c.Inputs.K.tokenMajor(repeat), c.Inputs.V.tokenMajor(repeat))
		for h, kept := range l.kept() {
			require.Equal(t, c.Outputs.Kept[h], kept, "head %d", h)
		}
		if c.Outputs.Pool != nil {
			for i := range pooled {
				pooled[i] *= scale
			}
			requireClose(t, c.Outputs.Pool.Data, pooled)
		}
		// The next query over the compressed cache; its own key, which the
		// case does not have, is left out by standing later.
		view := l.c.Update(0, 0, nil, nil, nil)
		out := make([]float32, len(c.Inputs.Next.Data))
		attention.Attend(out, c.Inputs.Next.Data, []int32{l.next}, view, l.p)
		requireClose(t, c.Outputs.Out.Data, out)
	})
}

type streamCase struct {
	Params struct {
		Heads   int     `json:"num_q_heads"`
		KVHeads int     `json:"num_kv_heads"`
		Prompt  int     `json:"prompt_len"`
		Steps   int     `json:"decode_steps"`
		Dim     int     `json:"head_dim"`
		Start   int     `json:"start_size"`
		Recent  int     `json:"recent_size"`
		Theta   float64 `json:"rope_theta"`
	}
	Inputs struct {
		Q tensor `json:"q_prerope"`
		K tensor `json:"k_prerope"`
		V tensor
	}
	Outputs struct {
		Out  tensor    `json:"attn_out"`
		Kept [][]int32 `json:"cache_positions_after_prefill_then_each_step"`
	}
}

// The renumbered window gives what StreamingLLM's own attention gives, which
// caches keys unrotated and rotates them by slot at every step.
func TestStreamingLLMGolden(t *testing.T) {
	golden(t, "streamingllm_[dh][0-9]*.json", func(t *testing.T, c streamCase) {
		p := c.Params
		l := newLayer(t, p.Heads, p.KVHeads, p.Dim, Window{Sink: p.Start, Recent: p.Recent, Renumber: true})
		l.p.Rope = attention.NewRope(p.Dim, p.Theta, nil, false)
		q, k, v := c.Inputs.Q.tokenMajor(1), c.Inputs.K.tokenMajor(1), c.Inputs.V.tokenMajor(1)
		rotate(l.p.Rope, q, p.Heads, p.Dim)
		rotate(l.p.Rope, k, p.KVHeads, p.Dim)
		qd, kd := p.Heads*p.Dim, p.KVHeads*p.Dim
		out := l.step(true, q[:p.Prompt*qd], k[:p.Prompt*kd], v[:p.Prompt*kd])
		require.Equal(t, c.Outputs.Kept[0], l.kept()[0])
		for s := range p.Steps {
			at := p.Prompt + s
			out = append(out, l.step(false, q[at*qd:][:qd], k[at*kd:][:kd], v[at*kd:][:kd])...)
			require.Equal(t, c.Outputs.Kept[1+s], l.kept()[0], "step %d", s)
		}
		requireClose(t, c.Outputs.Out.Data, out)
	})
}

// rotate turns x [tokens][heads][dim] by its positions 0, 1, ….
func rotate(r *attention.Rope, x []float32, heads, dim int) {
	cos, sin := make([]float32, dim/2), make([]float32, dim/2)
	for t := range len(x) / (heads * dim) {
		r.Angles(cos, sin, int32(t))
		r.Rotate(x[t*heads*dim:][:heads*dim], cos, sin, heads, dim)
	}
}

// windowKeeps returns the positions that p leaves of prompts of these lengths.
func windowKeeps(t *testing.T, p Window, prompts ...int) []int32 {
	l := newLayer(t, 1, 1, 2, p)
	for _, n := range prompts {
		x := make([]float32, 2*n)
		l.step(true, x, x, x)
	}
	return l.kept()[0]
}

// What the official cache keeps after a forward pass. Its evict_for_space makes
// room before a prompt; here that is made when the prompt ends, and what it
// leaves of the rows before it is the same.
func TestStreamingLLMEvictGolden(t *testing.T) {
	type evictCase struct {
		Outputs struct {
			Rows []struct {
				Start, Recent int
				Len           int     `json:"cache_len"`
				Coming        int     `json:"num_coming"`
				After         []int32 `json:"after_call"`
				Space         []int32 `json:"after_evict_for_space"`
			}
		}
	}
	golden(t, "streamingllm_evict_*.json", func(t *testing.T, c evictCase) {
		require.NotEmpty(t, c.Outputs.Rows)
		for _, r := range c.Outputs.Rows {
			p := Window{Sink: r.Start, Recent: r.Recent}
			require.Equal(t, r.After, windowKeeps(t, p, r.Len), "%+v", r)
			if r.Coming > 0 {
				both := windowKeeps(t, p, r.Len, r.Coming)
				require.Equal(t, span(slices.Clone(r.Space), r.Len, r.Len+r.Coming), both, "%+v", r)
			}
		}
	})
}

// The one-shot windows that two other projects call StreamingLLM.
func TestStreamingLLMVariantsGolden(t *testing.T) {
	type variantCase struct {
		Outputs struct {
			Rows []struct {
				Len      int     `json:"seq_len"`
				Capacity int     `json:"max_capacity_prompt"`
				Window   int     `json:"window_size"`
				Factory  []int32 `json:"kvcache_factory_kept"`
				AdaKV    []int32 `json:"adakv_repo_kept_4_sinks"`
			}
		}
	}
	golden(t, "streamingllm_prefill_variants_*.json", func(t *testing.T, c variantCase) {
		require.NotEmpty(t, c.Outputs.Rows)
		for _, r := range c.Outputs.Rows {
			sink := r.Capacity - r.Window
			if sink == 0 {
				sink = -1
			}
			require.Equal(t, r.Factory, windowKeeps(t, Window{Sink: sink, Recent: r.Window}, r.Len), "%+v", r)
			require.Equal(t, r.AdaKV, windowKeeps(t, Window{Sink: 4, Recent: r.Capacity - 4}, r.Len), "%+v", r)
		}
	})
}
