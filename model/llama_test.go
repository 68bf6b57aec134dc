package model_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// open returns the model at path, closed with the test.
func open(t testing.TB, path string, threads int) model.Model {
	src, err := weights.Open(path)
	require.NoError(t, err)
	pool := par.New(threads)
	t.Cleanup(func() { pool.Close(); src.Close() })
	m, err := model.Open(src, pool)
	require.NoError(t, err)
	return m
}

func newCache(t testing.TB, m model.Model, cfg kvcache.Config) *kvcache.Cache {
	c := m.Config()
	kv, err := kvcache.New(kvcache.Shape{NumLayers: c.NumLayers, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim}, cfg)
	require.NoError(t, err)
	return kv
}

// forward reads tokens as a prompt from position pos on and returns the logits
// of each.
func forward(t testing.TB, m model.Model, kv *kvcache.Cache, tokens []int32, pos int) []float32 {
	q := model.Seq{Tokens: tokens, KV: kv}
	for j := range tokens {
		q.Pos = append(q.Pos, int32(pos+j))
		q.Out = append(q.Out, int32(j))
	}
	kv.Begin(kvcache.Step{Pos: q.Pos, Prompt: true})
	seqs := []model.Seq{q}
	require.NoError(t, m.Forward(context.Background(), seqs, new(model.Scratch)))
	return seqs[0].Logits
}

// The logits of a trained checkpoint, from llama2.c, whatever file it is in,
// however many threads run it and however it is fed.
func TestStories260K(t *testing.T) {
	var want struct{ Tokens []int32 }
	data, err := os.ReadFile(refdata.Data(t, "models", "stories260K.expected.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	data, err = os.ReadFile(refdata.Data(t, "models", "stories260K.logits.f32"))
	require.NoError(t, err)
	logits := make([]float32, len(data)/4)
	for i := range logits {
		logits[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	const steps, vocab = 64, 512
	require.Len(t, logits, steps*vocab)
	for _, file := range []string{"stories260K.gguf", "stories260K-hf"} {
		for _, threads := range []int{1, 2} {
			m := open(t, refdata.Data(t, "models", file), threads)
			all := forward(t, m, newCache(t, m, kvcache.Config{K: quant.F32, V: quant.F32}), want.Tokens[:steps], 0)
			require.InDeltaSlice(t, logits, all, 1e-4, "%s, %d threads", file, threads)
			kv := newCache(t, m, kvcache.Config{K: quant.F32, V: quant.F32})
			for j, id := range want.Tokens[:steps] {
				one := forward(t, m, kv, []int32{id}, j)
				require.Equal(t, all[j*vocab:(j+1)*vocab], one, "token %d alone", j)
			}
		}
	}
}
