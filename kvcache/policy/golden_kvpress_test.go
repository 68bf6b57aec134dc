package policy

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// bundle is what the presses of kvpress make of one input.
type bundle struct {
	Params struct {
		Heads   int     `json:"num_q_heads"`
		KVHeads int     `json:"num_kv_heads"`
		Dim     int     `json:"head_dim"`
		Kept    int     `json:"n_kept"`
		Len     int     `json:"seq_len"`
		Window  int     `json:"window_size"`
		Kernel  int     `json:"kernel_size"`
		Future  int     `json:"n_future_positions"`
		Sink    int     `json:"n_sink"`
		Lag     int     `json:"lag_size"`
		Local   int     `json:"cur_local_window"`
		Chunk   int     `json:"non_causal_chunk_size"`
		Theta   float64 `json:"rope_theta"`
	}
	Inputs struct {
		Q    tensor `json:"q_prerope"`
		K, V tensor
		Wo   tensor `json:"o_proj_weight(hidden x Hq*D)"`
	}
	Outputs map[string]pressed
}

type pressed struct {
	Scores tensor
	Values tensor    `json:"v_out_in_position_order"`
	Kept   [][]int32 `json:"kept_positions_sorted"`
	Pruned [][]int32 `json:"pruned_positions_sorted"`
	Heads  []int     `json:"kept_per_head"`
	Keys   tensor    `json:"k_out"`
	Slots  []int     `json:"k_out_slots"`
	Params struct {
		Floor float64 `json:"alpha_safeguard"`
		First float64 `json:"first_stage_ratio"`
		Chunk int     `json:"chunk_length"`
	}
}

// layer returns an empty layer under a policy.
func (c bundle) layer(t *testing.T, p kvcache.Policy) *layer {
	wo := c.Inputs.Wo
	return newLayerOf(t, c.Params.Heads, c.Params.KVHeads, c.Params.Dim, p, known{
		Rope: attention.NewRope(c.Params.Dim, c.Params.Theta, nil, false), Output: quant.Pack(quant.F32, wo.Data, wo.Shape[0], wo.Shape[1]),
	})
}

// read reads the input as one prompt.
func (c bundle) read(l *layer) {
	q := c.Inputs.Q.tokenMajor(1)
	rotate(l.c.Layer(0).Weights.Rope, q, c.Params.Heads, c.Params.Dim)
	l.step(true, q, c.Inputs.K.tokenMajor(1), c.Inputs.V.tokenMajor(1))
}

// run reads the input under a policy.
func (c bundle) run(t *testing.T, p kvcache.Policy) *layer {
	l := c.layer(t, p)
	c.read(l)
	return l
}

// share turns a fraction of n kept rows, among which kvpress counts the window,
// into one of the rows beside it.
func (c bundle) share(x float64, n int) float64 {
	rows := math.Floor(float64(n)*x) - float64(c.Params.Window)
	return (rows + 0.5) / float64(n-c.Params.Window)
}

// The presses that exist here keep what kvpress keeps, head by head.
func TestKVPressGolden(t *testing.T) {
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c bundle) {
		p := c.Params
		snap := SnapKV{Budget: p.Kept, Observe: p.Window, Kernel: p.Kernel}
		expected := ExpectedAttention{Budget: p.Kept, Future: p.Future, Sink: p.Sink, Epsilon: -1}
		eps, nocov, novnorm := expected, expected, expected
		eps.Epsilon, nocov.MeanOnly, novnorm.KeysOnly = 0.01, true, true
		ada := c.Outputs["adakv_snapkv"].Params
		adaSnap := AdaKV{Scorer: snap, Floor: c.share(ada.Floor, p.Kept), Safeguard: true}
		if adaSnap.Floor <= 0 {
			adaSnap.Floor = -1
		}
		for name, pol := range map[string]kvcache.Policy{
			"snapkv":                           snap,
			"snapkv_from_attentions":           SnapKV{Budget: p.Kept, Observe: p.Window, Kernel: p.Kernel, PoolFirst: true},
			"keydiff":                          KeyDiff{Budget: p.Kept},
			"tova":                             TOVA{Budget: p.Kept, Recent: 1},
			"observed_attention":               H2O{Heavy: p.Kept, Recent: -1, PerQuery: true},
			"cur":                              CurDKV{Budget: p.Kept, Sink: p.Sink, Local: p.Local},
			"streaming_llm":                    Window{Sink: p.Sink, Recent: p.Kept - p.Sink},
			"expected_attention":               expected,
			"expected_attention_eps1e-2":       eps,
			"expected_attention_nocov":         nocov,
			"expected_attention_novnorm":       novnorm,
			"criticalkv_snapkv":                CriticalKV{Scorer: snap, First: c.share(0.5, p.Kept)},
			"adakv_snapkv":                     adaSnap,
			"adakv_expected_attention_eps1e-2": AdaKV{Scorer: eps, Floor: ada.Floor, Safeguard: true},
		} {
			t.Run(name, func(t *testing.T) { c.same(t, name, c.run(t, pol).kept()) })
		}
		// There each head's first stage counts the window, so that here each
		// head has a share of its own.
		critical := c.Outputs["critical_adakv_snapkv"]
		var kept [][]int32
		for h, n := range critical.Heads {
			kept = append(kept, c.run(t, CriticalKV{Scorer: adaSnap, First: c.share(critical.Params.First, n)}).kept()[h])
		}
		c.same(t, "critical_adakv_snapkv", kept)
	})
}

// same compares what each head kept.
func (c bundle) same(t *testing.T, name string, kept [][]int32) {
	want, ok := c.Outputs[name]
	require.True(t, ok, name)
	for h := range kept {
		if want.Kept != nil {
			require.Equal(t, want.Kept[h], kept[h], "%s: head %d", name, h)
			continue
		}
		all := slices.Concat(kept[h], want.Pruned[h])
		slices.Sort(all)
		require.Equal(t, span(nil, 0, c.Params.Len), all, "%s: head %d: kept and pruned", name, h)
	}
}

// Scores are close; sinks, which
// stay in any case, have a number of their own there.
func TestKVPressScoresGolden(t *testing.T) {
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c bundle) {
		p := c.Params
		expected := ExpectedAttention{Budget: p.Kept, Future: p.Future, Sink: p.Sink, Epsilon: -1}
		eps := expected
		eps.Epsilon = 0.01
		for name, pol := range map[string]Scorer{
			"keydiff": KeyDiff{Budget: p.Kept}, "expected_attention": expected, "expected_attention_eps1e-2": eps,
			"lagkv":       LagKV{Budget: p.Kept, Sink: p.Sink, Lag: p.Lag},
			"lagkv_cross": LagKV{Budget: p.Kept, Sink: p.Sink, Lag: p.Lag, Cross: true},
			"cur":         CurDKV{Budget: p.Kept, Sink: p.Sink, Local: p.Local},
		} {
			t.Run(name, func(t *testing.T) {
				want := c.Outputs[name].Scores
				require.NotEmpty(t, want.Data)
				c.run(t, spy{pol, func(score [][]float32) {
					for h, own := range score {
						theirs := want.Data[h*p.Len:][:p.Len]
						for j := range own {
							if math.IsInf(float64(own[j]), 1) {
								own[j] = theirs[j]
							}
						}
						requireClose(t, theirs[:len(own)], own)
						for _, last := range theirs[len(own):] {
							require.Equal(t, float32(1), last, "rows that stay in any case")
						}
					}
				}})
			})
		}
	})
}

// kvpress fills up the last chunk with rows of zeros, which vote and are voted
// for by a slip. Given such rows, which leave first, this keeps what kvpress
// keeps. Its scores are ours less their mean, over their standard deviation.
func TestNonCausalAttentionGolden(t *testing.T) {
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c bundle) {
		p := c.Params
		c.pad((p.Len + p.Chunk - 1) / p.Chunk * p.Chunk)
		pol := NonCausalAttention{Budget: p.Kept, Chunk: p.Chunk}
		c.same(t, "non_causal_attn", c.run(t, pol).kept())
		c.run(t, spy{pol, func(score [][]float32) {
			var all []float32
			for _, own := range score {
				all = append(all, own[:p.Len]...)
			}
			requireClose(t, c.Outputs["non_causal_attn"].Scores.Data, standardized(all))
		}})
	})
}

// pad adds tokens of zeros up to a length of n.
func (c *bundle) pad(n int) {
	for _, x := range []*tensor{&c.Inputs.Q, &c.Inputs.K, &c.Inputs.V} {
		heads, tokens, dim := x.Shape[0], x.Shape[1], x.Shape[2]
		y := tensor{Shape: []int{heads, n, dim}, Data: make([]float32, heads*n*dim)}
		for h := range heads {
			copy(y.Data[h*n*dim:], x.Data[h*tokens*dim:][:tokens*dim])
		}
		*x = y
	}
}

// standardized returns x with mean 0 and (unbiased) standard deviation 1.
func standardized(x []float32) []float32 {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	y := make([]float32, len(x))
	for j, v := range x {
		y[j] = float32((float64(v) - mean) / math.Sqrt(square/float64(len(x)-1)))
	}
	return y
}

// Whole chunks of kvpress are the budget here.
func TestChunkKVGolden(t *testing.T) {
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c bundle) {
		p, want := c.Params, c.Outputs["chunkkv_snapkv"]
		require.NotEmpty(t, want.Kept)
		snap := SnapKV{Budget: len(want.Kept[0]), Observe: p.Window, Kernel: p.Kernel}
		c.same(t, "chunkkv_snapkv", c.run(t, ChunkKV{Scorer: snap, Length: want.Params.Chunk}).kept())
	})
}

// knorm ranks keys by their lengths, short ones first.
type knorm struct{ Random }

func (p knorm) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	for h := range l.Heads {
		hd := &l.Heads[h]
		k, score := make([]float32, hd.Dim()), make([]float32, hd.Len())
		for j := range score {
			hd.Rows(k, nil, j, j+1)
			score[j] = -float32(math.Sqrt(dot(k, k)))
		}
		keepBest(l, l.Heads[h:h+1], score, p.Budget)
	}
}

// kvpress merges values alone; the press below keeps rows with short keys.
func TestMergingPressGolden(t *testing.T) {
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c bundle) {
		want := c.Outputs["merging_knorm"]
		l := c.run(t, Merge{Policy: knorm{Random{Budget: c.Params.Kept}}, How: ValuesOnly})
		require.Equal(t, want.Kept, l.kept())
		requireClose(t, want.Values.Data, l.values())
		require.Equal(t, c.run(t, knorm{Random{Budget: c.Params.Kept}}).keys(), l.keys())
	})
}

// kvpress turns the keys that stay to their slots. The renumbered window shows
// them as if they stood there, but for a rotation that queries have too.
func TestKeyRerotationGolden(t *testing.T) {
	golden(t, "kvpress_bundle_*.json", func(t *testing.T, c bundle) {
		want := c.Outputs["key_rerotation_streaming"]
		require.NotEmpty(t, want.Slots)
		pol := Window{Sink: c.Params.Sink, Recent: c.Params.Kept - c.Params.Sink, Renumber: true}
		l := c.run(t, pol)
		require.Equal(t, want.Kept, l.kept())
		layer := l.c.Layer(0)
		plan := pol.Show(layer, kvcache.Step{})
		dim := c.Params.Dim
		var got []float32
		for h := range layer.Heads {
			hd := &layer.Heads[h]
			k, cos, sin := make([]float32, dim), make([]float32, dim/2), make([]float32, dim/2)
			for _, slot := range want.Slots {
				at := func(slot int) int32 { // as shown
					if slot < plan.Lead {
						return hd.Pos()[slot] + plan.Shift
					}
					return hd.Pos()[slot]
				}
				require.Equal(t, int32(slot), at(slot)-at(0), "rows are shown side by side")
				hd.Rows(k, nil, slot, slot+1)
				layer.Weights.Rope.Angles(cos, sin, at(slot)-hd.Pos()[slot]-at(0))
				layer.Weights.Rope.Rotate(k, cos, sin, 1, dim)
				got = append(got, k...)
			}
		}
		requireClose(t, want.Keys.Data, got)
	})
}

// spy sees what its Scorer returns.
type spy struct {
	Scorer
	see func([][]float32)
}

func (p spy) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	if score, _ := p.Rank(l, s, seen); score != nil {
		p.see(score)
	}
}
