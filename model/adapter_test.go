package model_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// source returns a GGUF file in memory.
func source(t testing.TB, meta []weights.KV, tensors ...weights.Tensor) *weights.Source {
	var file bytes.Buffer
	require.NoError(t, weights.WriteGGUF(&file, meta, tensors))
	src, err := weights.OpenReaderAt(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	return src
}

func f32(name string, x []float32, shape ...int) weights.Tensor {
	return weights.Tensor{Name: name, Type: weights.F32, Shape: shape, Data: quant.Pack(quant.F32, x, 1, len(x)).Data}
}

func loraMeta(alpha float32) []weights.KV {
	return []weights.KV{
		{Key: "general.type", Value: "adapter"}, {Key: "general.architecture", Value: "llama"},
		{Key: "adapter.type", Value: "lora"}, {Key: "adapter.lora.alpha", Value: alpha},
	}
}

func normals(rng *rand.Rand, n int, deviation float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = deviation * float32(rng.NormFloat64())
	}
	return x
}

// A model with an adapter is the model whose weights are W + alpha/rank·B·A.
func TestAdapter(t *testing.T) {
	const rank, alpha = 4, 8
	base, src := random(t, testmodel.Tiny(4), quant.F32)
	rng := rand.New(rand.NewPCG(5, 6))
	var pairs, merged []weights.Tensor
	for _, info := range src.Infos() {
		if len(info.Shape) != 2 || !strings.HasPrefix(info.Name, "blk.") {
			continue
		}
		w, err := src.Tensor(info.Name)
		require.NoError(t, err)
		rows, cols := info.Shape[0], info.Shape[1]
		a, b := normals(rng, rank*cols, 0.05), normals(rng, rows*rank, 0.05)
		x := make([]float32, rows*cols)
		quant.Matrix{Format: quant.F32, Rows: rows, Cols: cols, Data: w.Data}.Decode(x, 0, rows)
		for j := range x {
			for r := range rank {
				x[j] += alpha / rank * b[j/cols*rank+r] * a[r*cols+j%cols]
			}
		}
		pairs = append(pairs, f32(info.Name+".lora_a", a, rank, cols), f32(info.Name+".lora_b", b, rows, rank))
		merged = append(merged, f32(info.Name, x, rows, cols))
	}
	adapted, err := model.Adapt(src, source(t, loraMeta(alpha), pairs...))
	require.NoError(t, err)
	pool := par.New(2)
	defer pool.Close()
	m, err := model.Open(adapted, pool)
	require.NoError(t, err)
	tokens := []int32{5, 200, 7, 31, 150, 2, 90}
	want := reference{m.Config(), src.With(source(t, nil, merged...)), t}.logits(tokens)
	cfg := kvcache.Config{K: quant.F32, V: quant.F32}
	all := forward(t, m, newCache(t, m, cfg), tokens, 0)
	plain := forward(t, base, newCache(t, base, cfg), tokens, 0)
	got, off := all[len(all)-300:], 0.0
	for i := range want {
		require.InDelta(t, want[i], got[i], 2e-3) // B is kept in half precision
		off = max(off, want[i]-float64(plain[len(plain)-300+i]))
	}
	require.Greater(t, off, 0.1, "the adapter changes the logits")
}

func TestAdapterMistakes(t *testing.T) {
	_, src := random(t, testmodel.Tiny(1), quant.F32)
	a, b := f32("blk.0.attn_q.weight.lora_a", make([]float32, 128), 2, 64), f32("blk.0.attn_q.weight.lora_b", make([]float32, 128), 64, 2)
	_, err := model.Adapt(src, source(t, nil, a, b))
	require.ErrorContains(t, err, `general.type: want "adapter", have <nil>`)
	_, err = model.Adapt(src, source(t, loraMeta(0), a))
	require.ErrorContains(t, err, `"blk.0.attn_q.weight" has one of lora_a and lora_b`)
	for _, name := range []string{"blk.9.attn_q.weight.lora_a", "token_embd.weight.lora_a", "blk.0.attn_q.weight"} {
		_, err = model.Adapt(src, source(t, loraMeta(0), f32(name, make([]float32, 128), 2, 64)))
		require.ErrorIs(t, err, model.ErrUnsupported)
		require.ErrorContains(t, err, name)
	}
	pool := par.New(1)
	defer pool.Close()
	a.Shape, b.Shape = []int{4, 32}, []int{32, 4}
	adapted, err := model.Adapt(src, source(t, loraMeta(0), a, b))
	require.NoError(t, err)
	_, err = model.Open(adapted, pool)
	require.ErrorContains(t, err, `"blk.0.attn_q.weight.lora_a"`)
}

// What is observed is what is multiplied: each input once, and changes count.
func TestObserve(t *testing.T) {
	for _, f := range []quant.Format{quant.F32, quant.Q8_0} {
		m, _ := random(t, testmodel.Tiny(2), f)
		tokens := []int32{5, 200, 7}
		seq := func() []model.Seq {
			kv := newCache(t, m, kvcache.Config{})
			pos := []int32{0, 1, 2}
			kv.Begin(kvcache.Step{Pos: pos, Prompt: true})
			return []model.Seq{{Tokens: tokens, Pos: pos, KV: kv}}
		}
		var names []string
		s, seqs := new(model.Scratch), seq()
		s.Observe = func(weight string, x []float32) { names = append(names, weight) }
		require.NoError(t, m.Forward(context.Background(), seqs, s))
		plain := seq()
		require.NoError(t, m.Forward(context.Background(), plain, new(model.Scratch)))
		require.Equal(t, plain[0].Logits, seqs[0].Logits)
		require.Equal(t, []string{
			"blk.0.attn_q.weight", "blk.0.attn_output.weight", "blk.0.ffn_gate.weight", "blk.0.ffn_down.weight",
			"blk.1.attn_q.weight", "blk.1.attn_output.weight", "blk.1.ffn_gate.weight", "blk.1.ffn_down.weight",
			"blk.2.attn_q.weight", "blk.2.attn_output.weight", "blk.2.ffn_gate.weight", "blk.2.ffn_down.weight",
			"token_embd.weight",
		}, names)
		s.Observe = func(weight string, x []float32) {
			if weight == "token_embd.weight" {
				clear(x)
			}
		}
		seqs = seq()
		require.NoError(t, m.Forward(context.Background(), seqs, s))
		require.Equal(t, make([]float32, 300), seqs[0].Logits)
	}
}

// A pass a layer at a time is the pass.
func TestLayered(t *testing.T) {
	m, _ := random(t, testmodel.Tiny(2), quant.Q8_0)
	l := m.(model.Layered)
	seq := func() []model.Seq {
		kv := newCache(t, m, kvcache.Config{})
		pos := []int32{0, 1, 2}
		kv.Begin(kvcache.Step{Pos: pos, Prompt: true})
		return []model.Seq{{Tokens: []int32{5, 200, 7}, Pos: pos, KV: kv}}
	}
	whole, s := new(model.Scratch), new(model.Scratch)
	require.NoError(t, m.Forward(context.Background(), seq(), whole))
	require.NoError(t, l.Embed(seq(), s))
	before := append([]float32{}, s.Stream()...)
	for i := range m.Config().NumLayers {
		require.NoError(t, l.Layer(context.Background(), i, s))
	}
	require.Equal(t, whole.Stream(), s.Stream())
	require.NotEqual(t, before, s.Stream())
}
