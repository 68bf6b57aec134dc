// Package testmodel makes models with random weights in memory: small ones for
// tests, and the shapes of real ones for benchmarks, whose speed does not
// depend on the values.
package testmodel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

var shapes = map[string]model.Config{
	"smollm2-135m": {Architecture: "llama", HiddenSize: 576, IntermediateSize: 1536, NumLayers: 30, NumHeads: 9, NumKVHeads: 3, HeadDim: 64, VocabSize: 49152, MaxPositions: 32768, RMSNormEps: 1e-5, RopeTheta: 100000},
	"qwen2.5-0.5b": {Architecture: "qwen2", HiddenSize: 896, IntermediateSize: 4864, NumLayers: 24, NumHeads: 14, NumKVHeads: 2, HeadDim: 64, VocabSize: 151936, MaxPositions: 32768, RMSNormEps: 1e-6, RopeTheta: 1000000},
	"qwen3-0.6b":   {Architecture: "qwen3", HiddenSize: 1024, IntermediateSize: 3072, NumLayers: 28, NumHeads: 16, NumKVHeads: 8, HeadDim: 128, VocabSize: 151936, MaxPositions: 40960, RMSNormEps: 1e-6, RopeTheta: 1000000},
	"llama-3.2-1b": {Architecture: "llama", HiddenSize: 2048, IntermediateSize: 8192, NumLayers: 16, NumHeads: 32, NumKVHeads: 8, HeadDim: 64, VocabSize: 128256, MaxPositions: 131072, RMSNormEps: 1e-5, RopeTheta: 500000},
}

// Names returns the names of the real shapes.
func Names() []string { return slices.Sorted(maps.Keys(shapes)) }

// Shape returns the configuration of a real model.
func Shape(name string) (model.Config, error) {
	c, ok := shapes[name]
	if !ok {
		return c, fmt.Errorf("testmodel: no shape %q, want one of %v", name, Names())
	}
	return c, nil
}

// Tiny returns a configuration small enough for tests, with group query heads
// per KV head.
func Tiny(group int) model.Config {
	return model.Config{Architecture: "llama", HiddenSize: 64, IntermediateSize: 96, NumLayers: 3, NumHeads: 2 * group, NumKVHeads: 2, HeadDim: 32, VocabSize: 300, MaxPositions: 4096, RMSNormEps: 1e-5, RopeTheta: 10000}
}

// GGUF returns the model file that Write writes.
func GGUF(c model.Config, f quant.Format, seed uint64) ([]byte, error) {
	var file bytes.Buffer
	err := Write(&file, c, f, seed)
	return file.Bytes(), err
}

// Write writes a model file of that shape whose matrices are stored as f. The
// tokenizer is byte-level, with no merge but one.
func Write(w io.Writer, c model.Config, f quant.Format, seed uint64) error {
	if c.VocabSize < minVocab {
		return fmt.Errorf("testmodel: vocabulary of %d, want at least %d", c.VocabSize, minVocab)
	}
	typ, err := parseType(f.Name())
	if err != nil {
		return err
	}
	b := &builder{rng: rand.New(rand.NewPCG(seed, 1)), f: f, typ: typ}
	b.matrix("token_embd.weight", c.VocabSize, c.HiddenSize, 1)
	for i := range c.NumLayers {
		b.layer(fmt.Sprintf("blk.%d.", i), c)
	}
	b.vector("output_norm.weight", c.HiddenSize, 1, 0)
	return weights.WriteGGUF(w, append(metadata(c), vocabulary(c.VocabSize)...), b.tensors)
}

// File writes the model of a real shape to a new file in dir and returns its
// path.
func File(dir, shape, format string) (path string, err error) {
	c, err := Shape(shape)
	if err != nil {
		return "", err
	}
	f, err := quant.ByName(format)
	if err != nil {
		return "", err
	}
	file, err := os.Create(filepath.Join(dir, shape+"-"+format+".gguf"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Name(), Write(file, c, f, 1)
}

func parseType(name string) (weights.Type, error) {
	t, ok := weights.ParseType(name)
	if !ok || !t.GGUF() {
		return 0, fmt.Errorf("testmodel: GGUF has no type %q", name)
	}
	return t, nil
}

type builder struct {
	rng     *rand.Rand
	f       quant.Format
	typ     weights.Type
	tensors []weights.Tensor
}

func (b *builder) layer(prefix string, c model.Config) {
	qd, kd := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	b.vector(prefix+"attn_norm.weight", c.HiddenSize, 1, 0.1)
	b.vector(prefix+"ffn_norm.weight", c.HiddenSize, 1, 0.1)
	b.matrix(prefix+"attn_q.weight", qd, c.HiddenSize, 2)
	b.matrix(prefix+"attn_k.weight", kd, c.HiddenSize, 2)
	b.matrix(prefix+"attn_v.weight", kd, c.HiddenSize, 1)
	b.matrix(prefix+"attn_output.weight", c.HiddenSize, qd, 1)
	b.matrix(prefix+"ffn_gate.weight", c.IntermediateSize, c.HiddenSize, 1)
	b.matrix(prefix+"ffn_up.weight", c.IntermediateSize, c.HiddenSize, 1)
	b.matrix(prefix+"ffn_down.weight", c.HiddenSize, c.IntermediateSize, 1)
	if c.Architecture == "qwen2" {
		b.vector(prefix+"attn_q.bias", qd, 0, 0.1)
		b.vector(prefix+"attn_k.bias", kd, 0, 0.1)
		b.vector(prefix+"attn_v.bias", kd, 0, 0.1)
	}
	if c.Architecture == "qwen3" {
		b.vector(prefix+"attn_q_norm.weight", c.HeadDim, 1, 0.1)
		b.vector(prefix+"attn_k_norm.weight", c.HeadDim, 1, 0.1)
	}
}

// freshValues is how many values of a tensor are drawn; a larger one repeats
// them, so that models of a billion parameters are made in a second.
const freshValues = 1 << 18

// matrix adds a tensor of normal values with deviation scale/√cols.
func (b *builder) matrix(name string, rows, cols int, scale float64) {
	fresh := min(rows, max(1, freshValues/cols))
	x := make([]float32, fresh*cols)
	for i := range x {
		x[i] = float32(b.rng.NormFloat64() * scale / math.Sqrt(float64(cols)))
	}
	part := quant.Pack(b.f, x, fresh, cols).Data
	data := make([]byte, 0, b.f.Size(rows, cols))
	for len(data) < cap(data) {
		data = append(data, part[:min(len(part), cap(data)-len(data))]...)
	}
	b.tensors = append(b.tensors, weights.Tensor{Name: name, Type: b.typ, Shape: []int{rows, cols}, Data: data})
}

// vector adds a float32 tensor around mean.
func (b *builder) vector(name string, n int, mean, deviation float64) {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + deviation*b.rng.NormFloat64())
	}
	typ, _ := weights.ParseType("f32")
	b.tensors = append(b.tensors, weights.Tensor{Name: name, Type: typ, Shape: []int{n}, Data: quant.Pack(quant.F32, x, 1, n).Data})
}
