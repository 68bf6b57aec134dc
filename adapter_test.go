package winnow_test

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model/weights"
)

// adapter writes a LoRA adapter for tiny whose values are all x.
func adapter(t testing.TB, architecture string, x byte) string {
	tensor := func(name string, rows, cols int) weights.Tensor {
		return weights.Tensor{Name: name, Type: weights.F16, Shape: []int{rows, cols}, Data: bytes.Repeat([]byte{0, x}, rows*cols)}
	}
	var file bytes.Buffer
	require.NoError(t, weights.WriteGGUF(&file, []weights.KV{
		{Key: "general.type", Value: "adapter"}, {Key: "general.architecture", Value: architecture},
		{Key: "adapter.type", Value: "lora"}, {Key: "adapter.lora.alpha", Value: float32(2)},
	}, []weights.Tensor{tensor("blk.1.ffn_down.weight.lora_a", 2, 96), tensor("blk.1.ffn_down.weight.lora_b", 64, 2)}))
	path := filepath.Join(t.TempDir(), "adapter.gguf")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	return path
}

func TestAdapter(t *testing.T) {
	const one = 0x3c // the upper byte of a half-precision 1
	plain := tiny(t, winnow.Options{})
	adapted := tiny(t, winnow.Options{Adapter: adapter(t, "llama", one), Threads: 2})
	logits := func(m *winnow.Model) []float32 {
		s := session(t, m, kvcache.Config{})
		require.NoError(t, s.Append(t.Context(), []int32{1, 2, 3}, winnow.AppendOptions{}))
		return s.Logits()
	}
	require.NotEqual(t, logits(plain), logits(adapted))
	require.Equal(t, logits(plain), logits(tiny(t, winnow.Options{Adapter: adapter(t, "llama", 0)})))

	s := session(t, adapted, kvcache.Config{})
	next, stop := iter.Pull2(s.GenerateTokens(t.Context(), []int32{1, 2, 3}, winnow.GenerateOptions{IgnoreEnd: true}))
	defer stop()
	next()
	next()
	requireNoAllocs(t, func() { next() }, "with an adapter")

	var saved bytes.Buffer
	require.NoError(t, session(t, plain, kvcache.Config{}).Save(&saved))
	_, err := adapted.LoadSession(&saved, kvcache.Config{})
	require.ErrorIs(t, err, winnow.ErrForeign)
}
