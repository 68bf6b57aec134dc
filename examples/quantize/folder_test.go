package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/tokenizer"
)

// byteTokenizer is a tokenizer.json with a token for each byte and two merges.
func byteTokenizer(t *testing.T) []byte {
	vocab, next := map[string]int{}, rune(256)
	for b := range 256 {
		c := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			c, next = next, next+1
		}
		vocab[string(c)] = b
	}
	vocab["th"], vocab["the"] = 256, 257
	data, err := json.Marshal(map[string]any{
		"added_tokens":  []any{},
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{"t h", "th e"}},
	})
	require.NoError(t, err)
	return data
}

// A Hugging Face folder becomes a GGUF file that reads texts and continues them
// as the folder does.
func TestFolderToGGUF(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := os.ReadFile(refdata.Data(t, "models", "stories260K-hf", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), byteTokenizer(t), 0o600))
	out := filepath.Join(t.TempDir(), "out.gguf")
	status, _, stderr := call(t.Context(), dir, "-model", dir, "-o", out, "-type", "f32")
	require.Zero(t, status, stderr)
	var ids, next [2][]int32
	for i, path := range []string{dir, out} {
		m, err := winnow.Load(path, winnow.Options{})
		require.NoError(t, err)
		ids[i] = m.Tokenizer().Encode("the other day, 10 things: “thé”\n", tokenizer.EncodeOptions{})
		s, err := m.NewSession(kvcache.Config{})
		require.NoError(t, err)
		for tok, err := range s.Generate(t.Context(), "the cat", winnow.GenerateOptions{MaxTokens: 32}) {
			require.NoError(t, err)
			next[i] = append(next[i], tok.ID)
		}
		require.NoError(t, m.Close())
	}
	require.Contains(t, ids[0], int32(257))
	require.Equal(t, ids[0], ids[1])
	require.Len(t, next[0], 32)
	require.Equal(t, next[0], next[1])
}
