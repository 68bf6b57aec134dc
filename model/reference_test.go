package model_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// reference is the forward pass as a textbook writes it, in float64, one
// sequence at a time, everything recomputed.
type reference struct {
	c   model.Config
	src *weights.Source
	t   testing.TB
}

func (r reference) tensor(name string) []float64 {
	t, err := r.src.Tensor(name)
	require.NoError(r.t, err)
	f, err := quant.ByName(t.Type.String())
	require.NoError(r.t, err)
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	x := make([]float32, n)
	quant.Matrix{Format: f, Rows: 1, Cols: n, Data: t.Data}.Decode(x, 0, 1)
	y := make([]float64, n)
	for i := range x {
		y[i] = float64(x[i])
	}
	return y
}

func (r reference) linear(w []float64, x []float64) []float64 {
	y := make([]float64, len(w)/len(x))
	for j := range y {
		for d, v := range x {
			y[j] += v * w[j*len(x)+d]
		}
	}
	return y
}

func (r reference) norm(x, w []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	y := make([]float64, len(x))
	for d := range x {
		y[d] = x[d] / math.Sqrt(sum/float64(len(x))+float64(r.c.RMSNormEps)) * w[d]
	}
	return y
}

func (r reference) rotate(x []float64, pos int) {
	half := r.c.RopeDim / 2
	for i := range half {
		s, c := math.Sincos(float64(pos) * math.Pow(r.c.RopeTheta, -float64(2*i)/float64(r.c.RopeDim)))
		a, b := i, i+half
		if r.c.RopeInterleaved {
			a, b = 2*i, 2*i+1
		}
		x[a], x[b] = x[a]*c-x[b]*s, x[b]*c+x[a]*s
	}
}

// heads splits x and applies what the architecture does to each query or key.
func (r reference) heads(x []float64, prefix, name string, pos int) [][]float64 {
	if r.c.QKVBias {
		for d, b := range r.tensor(prefix + "attn_" + name + ".bias") {
			x[d] += b
		}
	}
	var hs [][]float64
	for lo := 0; lo < len(x); lo += r.c.HeadDim {
		h := x[lo : lo+r.c.HeadDim]
		if name != "v" {
			if r.c.QKNorm {
				h = r.norm(h, r.tensor(prefix+"attn_"+name+"_norm.weight"))
			}
			r.rotate(h, pos)
		}
		hs = append(hs, h)
	}
	return hs
}

func (r reference) logits(tokens []int32) []float64 {
	d := r.c.HiddenSize
	embed := r.tensor("token_embd.weight")
	x := make([][]float64, len(tokens))
	for t, id := range tokens {
		x[t] = append([]float64{}, embed[int(id)*d:][:d]...)
	}
	for i := range r.c.NumLayers {
		p := fmt.Sprintf("blk.%d.", i)
		var q, k, v [][][]float64
		for t := range x {
			h := r.norm(x[t], r.tensor(p+"attn_norm.weight"))
			q = append(q, r.heads(r.linear(r.tensor(p+"attn_q.weight"), h), p, "q", t))
			k = append(k, r.heads(r.linear(r.tensor(p+"attn_k.weight"), h), p, "k", t))
			v = append(v, r.heads(r.linear(r.tensor(p+"attn_v.weight"), h), p, "v", t))
		}
		for t := range x {
			var out []float64
			for g := range q[t] {
				out = append(out, r.attend(q[t][g], k[:t+1], v[:t+1], g*r.c.NumKVHeads/r.c.NumHeads, t)...)
			}
			add(x[t], r.linear(r.tensor(p+"attn_output.weight"), out))
			h := r.norm(x[t], r.tensor(p+"ffn_norm.weight"))
			gate, up := r.linear(r.tensor(p+"ffn_gate.weight"), h), r.linear(r.tensor(p+"ffn_up.weight"), h)
			for j, a := range gate {
				gate[j] = a / (1 + math.Exp(-a)) * up[j]
			}
			add(x[t], r.linear(r.tensor(p+"ffn_down.weight"), gate))
		}
	}
	return r.linear(embed, r.norm(x[len(x)-1], r.tensor("output_norm.weight")))
}

func (r reference) attend(q []float64, k, v [][][]float64, h, at int) []float64 {
	w := make([]float64, len(k))
	sum := 0.0
	for j := range k {
		if r.c.SlidingWindow > 0 && j <= at-r.c.SlidingWindow {
			continue
		}
		for d := range q {
			w[j] += q[d] * k[j][h][d]
		}
		w[j] = math.Exp(w[j] / math.Sqrt(float64(r.c.HeadDim)))
		sum += w[j]
	}
	out := make([]float64, len(q))
	for j := range v {
		for d := range out {
			out[d] += w[j] / sum * v[j][h][d]
		}
	}
	return out
}

func add(x, y []float64) {
	for d := range x {
		x[d] += y[d]
	}
}

// random returns a model with random weights and its file.
func random(t testing.TB, c model.Config, f quant.Format) (model.Model, *weights.Source) {
	file, err := testmodel.GGUF(c, f, 3)
	require.NoError(t, err)
	src, err := weights.OpenReaderAt(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	pool := par.New(2)
	t.Cleanup(func() { pool.Close(); src.Close() })
	m, err := model.Open(src, pool)
	require.NoError(t, err)
	return m, src
}

func TestForwardIsTheTextbook(t *testing.T) {
	tokens := make([]int32, 40)
	rng := rand.New(rand.NewPCG(1, 2))
	for j := range tokens {
		tokens[j] = int32(rng.IntN(300))
	}
	for name, c := range map[string]func(*model.Config){
		"llama":  func(*model.Config) {},
		"window": func(c *model.Config) { c.SlidingWindow = 9 },
		"qwen2":  func(c *model.Config) { c.Architecture = "qwen2" },
		"qwen3":  func(c *model.Config) { c.Architecture = "qwen3" },
	} {
		for _, f := range []quant.Format{quant.F32, quant.F16, quant.BF16} {
			t.Run(name+"/"+f.Name(), func(t *testing.T) {
				cfg := testmodel.Tiny(4)
				c(&cfg)
				m, src := random(t, cfg, f)
				require.Equal(t, name == "llama" || name == "window", m.Config().RopeInterleaved)
				want := reference{m.Config(), src, t}.logits(tokens)
				all := forward(t, m, newCache(t, m, kvcache.Config{K: quant.F32, V: quant.F32}), tokens, 0)
				got := all[len(all)-len(want):]
				for i := range want {
					require.InDelta(t, want[i], got[i], 2e-4)
				}
			})
		}
	}
}

// Sequences that go through the model together get, to the last bit, what each
// gets alone.
func TestBatch(t *testing.T) {
	for _, f := range []quant.Format{quant.F16, quant.Q8_0, quant.Q4_0} {
		m, _ := random(t, testmodel.Tiny(4), f)
		cfg := kvcache.Config{V: quant.Int8}
		rng := rand.New(rand.NewPCG(1, 2))
		var seqs []model.Seq
		var want [][]float32
		for _, n := range []int{1, 5, 300, 1, 64, 1, 1, 1} {
			tokens := make([]int32, n)
			for j := range tokens {
				tokens[j] = int32(rng.IntN(300))
			}
			all := forward(t, m, newCache(t, m, cfg), tokens, 0)
			q := model.Seq{Tokens: tokens}
			for j := range tokens {
				q.Pos = append(q.Pos, int32(j))
			}
			if n == 5 {
				q.Out = []int32{1, 4}
				want = append(want, append(append([]float32{}, all[300:600]...), all[4*300:]...))
			} else {
				want = append(want, all[(n-1)*300:])
			}
			kv := newCache(t, m, cfg)
			kv.Begin(kvcache.Step{Pos: q.Pos, Prompt: true})
			q.KV = kv
			seqs = append(seqs, q)
		}
		require.NoError(t, m.Forward(context.Background(), seqs, new(model.Scratch)))
		for i := range seqs {
			require.Equal(t, want[i], seqs[i].Logits, "%s, sequence %d", f.Name(), i)
		}
	}
}

// So do sequences that decode together, each with a cache under a policy of its
// own, while blocks fill up and rows are evicted.
func TestBatchDecodes(t *testing.T) {
	m, _ := random(t, testmodel.Tiny(4), quant.Q8_0)
	policies := []kvcache.Policy{nil, policy.Window{Sink: 4, Recent: 20}, policy.H2O{Heavy: 16, Recent: 8}}
	var seqs []model.Seq
	var alone, together []*kvcache.Cache
	for i, n := range []int{1, 61, 62, 63, 64, 126, 20, 24, 62} {
		cfg := kvcache.Config{V: quant.Int8, Policy: policies[i%len(policies)]}
		tokens := make([]int32, n)
		for j := range tokens {
			tokens[j] = int32((7*i + j) % 300)
		}
		one, two := newCache(t, m, cfg), newCache(t, m, cfg)
		forward(t, m, one, tokens, 0)
		forward(t, m, two, tokens, 0)
		alone, together = append(alone, one), append(together, two)
		seqs = append(seqs, model.Seq{Tokens: []int32{int32(i)}, Pos: []int32{int32(n)}, KV: two})
	}
	s := new(model.Scratch)
	for range 4 {
		for i := range seqs {
			together[i].Begin(kvcache.Step{Pos: seqs[i].Pos})
		}
		require.NoError(t, m.Forward(context.Background(), seqs, s))
		for i := range seqs {
			q := &seqs[i]
			alone[i].Begin(kvcache.Step{Pos: q.Pos})
			one := []model.Seq{{Tokens: q.Tokens, Pos: q.Pos, KV: alone[i]}}
			require.NoError(t, m.Forward(context.Background(), one, new(model.Scratch)))
			require.Equal(t, one[0].Logits, q.Logits, "sequence %d at %d", i, q.Pos[0])
			q.Pos[0]++
		}
	}
}
