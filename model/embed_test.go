package model_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// Embeddings beside token ids: those of the vocabulary give what the ids give.
func TestEmbeddings(t *testing.T) {
	file, err := testmodel.GGUF(testmodel.Tiny(2), quant.F32, 1)
	require.NoError(t, err)
	src, err := weights.OpenReaderAt(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	defer src.Close()
	pool := par.New(1)
	defer pool.Close()
	m, err := model.Open(src, pool)
	require.NoError(t, err)
	tokens := []int32{5, 9, 2, 7, 7, 1}
	run := func(tokens []int32, embed []float32) ([]float32, error) {
		q := []model.Seq{{Tokens: tokens, Embed: embed, Pos: []int32{0, 1, 2, 3, 4, 5}, KV: newCache(t, m, kvcache.Config{})}}
		q[0].KV.(*kvcache.Cache).Begin(kvcache.Step{Pos: q[0].Pos, Prompt: true})
		err := m.Forward(context.Background(), q, new(model.Scratch))
		return q[0].Logits, err
	}
	want, err := run(tokens, nil)
	require.NoError(t, err)

	var s model.Scratch
	q := []model.Seq{{Tokens: tokens, Pos: []int32{0, 1, 2, 3, 4, 5}, KV: newCache(t, m, kvcache.Config{})}}
	require.NoError(t, m.(model.Layered).Embed(q, &s))
	d := m.Config().HiddenSize
	rows := slices.Clone(s.Stream())
	got, err := run([]int32{5, -1, -1, 7, 7, -1}, slices.Concat(rows[d:3*d], rows[5*d:]))
	require.NoError(t, err)
	require.Equal(t, want, got)

	_, err = run([]int32{5, -1, -1, 7, 7, -1}, rows[:d])
	require.ErrorContains(t, err, "3 tokens have a negative id")
	_, err = run(tokens, rows[:d])
	require.ErrorContains(t, err, "0 tokens have a negative id")
	_, err = run([]int32{5, 9, 2, 7, 7, int32(m.Config().VocabSize)}, nil)
	require.ErrorContains(t, err, "token 5 has id")
}
