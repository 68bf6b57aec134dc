package model

import (
	"fmt"
	"strings"

	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// GGUFMetadata returns the metadata from which ConfigFromGGUF reads c, without
// the vocabulary and without llama3's scaling, which is a tensor.
func GGUFMetadata(c Config) []weights.KV {
	key := func(k string, v any) weights.KV { return weights.KV{Key: c.Architecture + "." + k, Value: v} }
	num := func(k string, n int) weights.KV { return key(k, uint32(n)) }
	meta := []weights.KV{
		{Key: "general.architecture", Value: c.Architecture},
		num("block_count", c.NumLayers), num("context_length", c.MaxPositions),
		num("embedding_length", c.HiddenSize), num("feed_forward_length", c.IntermediateSize),
		num("attention.head_count", c.NumHeads), num("attention.head_count_kv", c.NumKVHeads),
		num("attention.key_length", c.HeadDim), num("attention.value_length", c.HeadDim),
		num("rope.dimension_count", c.RopeDim),
		key("attention.layer_norm_rms_epsilon", c.RMSNormEps), key("rope.freq_base", float32(c.RopeTheta)),
	}
	if c.SlidingWindow > 0 {
		meta = append(meta, num("attention.sliding_window", c.SlidingWindow))
	}
	if c.RopeScaling.Type == "linear" {
		meta = append(meta, key("rope.scaling.type", "linear"), key("rope.scaling.factor", float32(c.RopeScaling.Factor)))
	}
	return meta
}

// GGUFExtra returns the tensors that a GGUF file has besides those of a Hugging
// Face model: what llama3's scaling divides frequencies by.
func GGUFExtra(c Config) []weights.Tensor {
	if c.RopeScaling.Type != "llama3" {
		return nil
	}
	f := c.RopeScaling.factors(c.RopeDim, c.RopeTheta)
	return []weights.Tensor{{Name: "rope_freqs.weight", Type: weights.F32, Shape: []int{len(f)}, Data: quant.Pack(quant.F32, f, 1, len(f)).Data}}
}

// GGUFTensor returns a tensor of a Hugging Face model, or of a LoRA pair for it,
// as GGUF has it: llama's queries and keys turn neighbouring channels instead of
// those half a head apart, so their rows are taken in another order. Vectors are
// float32, as llama.cpp wants them.
func GGUFTensor(c Config, t weights.Tensor) weights.Tensor {
	if f, err := quant.ByName(t.Type.String()); err == nil && len(t.Shape) == 1 && f != quant.F32 {
		x := make([]float32, t.Shape[0])
		quant.Matrix{Format: f, Rows: 1, Cols: len(x), Data: t.Data}.Decode(x, 0, 1)
		t.Type, t.Data = weights.F32, quant.Pack(quant.F32, x, 1, len(x)).Data
	}
	if c.Architecture != "llama" || c.RopeInterleaved {
		return t
	}
	_, name, _ := strings.Cut(strings.TrimPrefix(t.Name, "blk."), ".")
	heads := map[string]int{
		"attn_q.weight": c.NumHeads, "attn_q.weight.lora_b": c.NumHeads, "attn_q.bias": c.NumHeads,
		"attn_k.weight": c.NumKVHeads, "attn_k.weight.lora_b": c.NumKVHeads, "attn_k.bias": c.NumKVHeads,
	}[name]
	if heads == 0 {
		return t
	}
	if len(t.Data)%(heads*c.HeadDim) != 0 || c.RopeDim%2 != 0 {
		panic(fmt.Sprintf("model: GGUFTensor %q: got %d bytes, want rows of %d heads of %d", t.Name, len(t.Data), heads, c.HeadDim))
	}
	row := len(t.Data) / (heads * c.HeadDim)
	data := append([]byte{}, t.Data...)
	for h := range heads {
		for d := range c.RopeDim {
			from := h*c.HeadDim + d%2*(c.RopeDim/2) + d/2
			copy(data[(h*c.HeadDim+d)*row:][:row], t.Data[from*row:])
		}
	}
	t.Data = data
	return t
}
