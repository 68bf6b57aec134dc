package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
)

// Metadata that was written is read back.
func TestGGUFMetadata(t *testing.T) {
	for _, name := range testmodel.Names() {
		want, err := testmodel.Shape(name)
		require.NoError(t, err)
		want.RopeDim, want.RopeInterleaved = want.HeadDim, want.Architecture == "llama"
		want.QKVBias, want.QKNorm = want.Architecture == "qwen2", want.Architecture == "qwen3"
		want.RopeScaling = model.RopeScaling{Type: "linear", Factor: 4}
		meta := map[string]any{}
		for _, kv := range model.GGUFMetadata(want) {
			meta[kv.Key] = kv.Value
		}
		got, err := model.ConfigFromGGUF(meta)
		require.NoError(t, err)
		got.VocabSize = want.VocabSize
		require.Equal(t, want, got)
	}
}

// The tensors of a Hugging Face model become those of the same model in GGUF,
// which another converter wrote.
func TestGGUFTensor(t *testing.T) {
	hf, err := weights.Open(refdata.Data(t, "models", "stories260K-hf"))
	require.NoError(t, err)
	defer hf.Close()
	gguf, err := weights.Open(refdata.Data(t, "models", "stories260K.gguf"))
	require.NoError(t, err)
	defer gguf.Close()
	c, err := model.ReadConfig(hf)
	require.NoError(t, err)
	for tensor, err := range hf.Tensors() {
		require.NoError(t, err)
		want, err := gguf.Tensor(tensor.Name)
		require.NoError(t, err)
		require.Equal(t, want.Data, model.GGUFTensor(c, tensor).Data, tensor.Name)
	}
}
