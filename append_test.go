package winnow_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
)

// A prompt with an image in it: the kinds stay with the rows, a policy drops
// patches before text, and the session goes on, in pieces or saved, as it does
// with text.
func TestEmbeddings(t *testing.T) {
	m := tiny(t, winnow.Options{})
	const text, patches = 20, 60
	rng := rand.New(rand.NewPCG(1, 2))
	var tokens []int32
	var kind []uint8
	for j := range text + patches + text {
		id, k := int32(j), uint8(0)
		if j >= text && j < text+patches {
			id, k = winnow.Embedded, 1
		}
		tokens, kind = append(tokens, id), append(kind, k)
	}
	embed := make([]float32, patches*m.Config().HiddenSize)
	for i := range embed {
		embed[i] = float32(rng.NormFloat64())
	}
	for _, p := range []kvcache.Policy{
		policy.LookM{Important: 40, Recent: 10}, policy.Merge{Policy: policy.LookM{Important: 40, Recent: 10}}, policy.KVzip{Budget: 50, Chunk: 30},
	} {
		s := session(t, m, kvcache.Config{Policy: p})
		require.NoError(t, s.Append(t.Context(), tokens, winnow.AppendOptions{Embed: embed, Kind: kind}))
		require.Equal(t, tokens, s.Tokens())
		hd := &s.Cache().Layer(1).Heads[0]
		if _, ok := p.(policy.KVzip); !ok {
			require.Equal(t, 50, hd.Len())
			images := 0
			for j, pos := range hd.Pos() {
				require.Equal(t, kind[pos], hd.Kind(j))
				images += int(hd.Kind(j))
			}
			require.Equal(t, 10, images, "all text stays, and the best patches")
		}
		pieces := session(t, m, kvcache.Config{Policy: p})
		n := text + 7
		require.NoError(t, pieces.Append(t.Context(), tokens[:n], winnow.AppendOptions{Rest: len(tokens) - n, Embed: embed[:7*m.Config().HiddenSize], Kind: kind[:n]}))
		require.NoError(t, pieces.Append(t.Context(), tokens[n:], winnow.AppendOptions{Embed: embed[7*m.Config().HiddenSize:], Kind: kind[n:]}))
		require.Equal(t, s.Logits(), pieces.Logits())
		var file bytes.Buffer
		require.NoError(t, s.Save(&file))
		loaded, err := m.LoadSession(&file, kvcache.Config{Policy: p})
		require.NoError(t, err)
		want, _ := write(t, s, "and then", winnow.GenerateOptions{MaxTokens: 5})
		got, _ := write(t, loaded, "and then", winnow.GenerateOptions{MaxTokens: 5})
		require.Equal(t, want, got)
	}
	s := session(t, m, kvcache.Config{})
	require.ErrorContains(t, s.Append(t.Context(), tokens, winnow.AppendOptions{Embed: embed[1:]}), "60 tokens have a negative id")
	require.ErrorContains(t, s.Append(t.Context(), tokens, winnow.AppendOptions{Embed: embed, Kind: kind[1:]}), "got 99 kinds")
	require.ErrorContains(t, s.Append(t.Context(), []int32{-2}, winnow.AppendOptions{}), "token -2")
	require.Empty(t, s.Tokens())
}
