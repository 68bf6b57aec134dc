package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/tokenizer"
)

// output is the GGUF file that a model becomes.
type output struct {
	architecture string
	meta         []weights.KV
	tensor       func(weights.Tensor) weights.Tensor // in GGUF's order of rows
	extra        []weights.Tensor
}

func newOutput(src *weights.Source) (*output, error) {
	if src.Container == "gguf" {
		o := &output{tensor: func(t weights.Tensor) weights.Tensor { return t }}
		o.architecture, _ = src.Meta["general.architecture"].(string)
		meta := maps.Clone(src.Meta)
		delete(meta, "general.file_type") // llama.cpp's word for what most tensors are
		meta["general.quantization_version"] = uint32(2)
		for _, key := range slices.Sorted(maps.Keys(meta)) {
			if !strings.HasPrefix(key, "split.") { // of the parts that are now one
				o.meta = append(o.meta, weights.KV{Key: key, Value: meta[key]})
			}
		}
		return o, nil
	}
	c, err := model.ReadConfig(src)
	if err != nil {
		return nil, err
	}
	if src.Tokenizer == nil {
		return nil, fmt.Errorf("want a tokenizer.json beside the weights, which a GGUF file holds too")
	}
	vocabulary, err := tokenizer.JSONToGGUF(src.Tokenizer, src.TokenizerConfig, string(src.ChatTemplate), c.VocabSize)
	if err != nil {
		return nil, err
	}
	o := &output{architecture: c.Architecture, meta: model.GGUFMetadata(c), extra: model.GGUFExtra(c)}
	o.meta = append(o.meta, weights.KV{Key: "general.quantization_version", Value: uint32(2)})
	for _, key := range slices.Sorted(maps.Keys(vocabulary)) {
		o.meta = append(o.meta, weights.KV{Key: key, Value: vocabulary[key]})
	}
	o.tensor = func(t weights.Tensor) weights.Tensor { return model.GGUFTensor(c, t) }
	return o, nil
}

func (o *output) write(w io.Writer, tensors []weights.Tensor) error {
	return weights.WriteGGUF(w, o.meta, slices.Concat(o.pairs(tensors), o.extra))
}

// pairs returns tensors with their rows in GGUF's order.
func (o *output) pairs(tensors []weights.Tensor) []weights.Tensor {
	turned := make([]weights.Tensor, len(tensors))
	for i, t := range tensors {
		turned[i] = o.tensor(t)
	}
	return turned
}
