package testmodel

import (
	"cmp"
	"fmt"

	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
)

func metadata(c model.Config) []weights.KV {
	c.RopeDim = cmp.Or(c.RopeDim, c.HeadDim)
	return append(model.GGUFMetadata(c), weights.KV{Key: "general.name", Value: "random weights"})
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
