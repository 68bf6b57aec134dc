package testmodel

import (
	"cmp"
	"fmt"

	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
)

func metadata(c model.Config) []weights.KV {
	key := func(k string, v any) weights.KV { return weights.KV{Key: c.Architecture + "." + k, Value: v} }
	num := func(k string, n int) weights.KV { return key(k, uint32(n)) }
	return []weights.KV{
		{Key: "general.architecture", Value: c.Architecture},
		{Key: "general.name", Value: "random weights"},
		num("block_count", c.NumLayers), num("context_length", c.MaxPositions),
		num("embedding_length", c.HiddenSize), num("feed_forward_length", c.IntermediateSize),
		num("attention.head_count", c.NumHeads), num("attention.head_count_kv", c.NumKVHeads),
		num("attention.key_length", c.HeadDim), num("attention.value_length", c.HeadDim),
		num("rope.dimension_count", cmp.Or(c.RopeDim, c.HeadDim)), num("attention.sliding_window", c.SlidingWindow),
		key("attention.layer_norm_rms_epsilon", c.RMSNormEps), key("rope.freq_base", float32(c.RopeTheta)),
	}
}

// minVocab is the bytes, the merged pair and the end of text.
const minVocab = 258

// vocabulary is byte-level: a token for each byte, "th", the end of text, and
// filler that no text contains.
func vocabulary(n int) []weights.KV {
	tokens, types := make([]string, 0, n), make([]int32, 0, n)
	add := func(text string, kind int32) { tokens, types = append(tokens, text), append(types, kind) }
	const normal, control, unused = 1, 3, 5
	for b := range 256 {
		add(string(byteRune(b)), normal)
	}
	add("th", normal)
	add("<|endoftext|>", control)
	for len(tokens) < n {
		add(fmt.Sprintf("<unused%d>", len(tokens)), unused)
	}
	return []weights.KV{
		{Key: "tokenizer.ggml.model", Value: "gpt2"}, {Key: "tokenizer.ggml.pre", Value: "gpt-2"},
		{Key: "tokenizer.ggml.tokens", Value: tokens}, {Key: "tokenizer.ggml.token_type", Value: types},
		{Key: "tokenizer.ggml.merges", Value: []string{"t h"}},
		{Key: "tokenizer.ggml.eos_token_id", Value: uint32(minVocab - 1)},
	}
}

// byteRune is the character that stands for a byte in byte-level vocabularies
// (GPT-2's bytes_to_unicode).
func byteRune(b int) rune {
	if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
		return rune(b)
	}
	n := rune(256)
	for c := range b {
		if !(c >= '!' && c <= '~' || c >= 0xa1 && c <= 0xac || c >= 0xae) {
			n++
		}
	}
	return n
}
