package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// TypeError reports a tensor stored in a type that cannot be computed on. It
// wraps ErrUnsupported.
type TypeError struct {
	Tensor string
	Type   weights.Type
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("model: %v: tensor %q has type %s, want one of %v", ErrUnsupported, e.Tensor, e.Type, quant.Names())
}

// Unwrap returns ErrUnsupported.
func (e *TypeError) Unwrap() error { return ErrUnsupported }

// ReadConfig reads and checks the hyperparameters of an opened model.
func ReadConfig(src *weights.Source) (Config, error) {
	var c Config
	var err error
	switch {
	case src.Container == "gguf":
		c, err = ConfigFromGGUF(src.Meta)
	case src.Config == nil:
		return Config{}, fmt.Errorf("model: %w: no config.json beside the safetensors file", ErrUnsupported)
	default:
		c, err = ConfigFromHF(src.Config)
	}
	if err != nil {
		return Config{}, err
	}
	embed, ok := src.Info("token_embd.weight")
	if !ok || len(embed.Shape) != 2 {
		return Config{}, fmt.Errorf("model: tensor %q: want a matrix, have shape %v", "token_embd.weight", embed.Shape)
	}
	c.VocabSize = embed.Shape[0]
	return c, c.Check()
}

// Open returns the model in src, whose tensors it refers to: src must stay open
// as long as the model is used. The pool's workers run the forward passes.
func Open(src *weights.Source, pool *par.Pool) (Model, error) {
	c, err := ReadConfig(src)
	if err != nil {
		return nil, err
	}
	ld := &loader{src: src, pool: pool, block: fp8Block(src.Config)}
	m := &Llama{config: c, pool: pool}
	m.embed = ld.matrix("token_embd.weight", c.VocabSize, c.HiddenSize)
	m.norm = ld.vector("output_norm.weight", c.HiddenSize)
	m.output = linear{Matrix: m.embed, name: "token_embd.weight"}
	if ld.has("output.weight") {
		m.output = ld.linear("output.weight", c.VocabSize, c.HiddenSize)
	}
	// Layers are appended as their tensors are found: a false count allocates nothing.
	for i := 0; i < c.NumLayers && ld.err == nil; i++ {
		m.layers = append(m.layers, ld.layer(i, c))
	}
	factors := c.RopeScaling.factors(c.RopeDim, c.RopeTheta)
	if ld.has("rope_freqs.weight") {
		factors = ld.vector("rope_freqs.weight", c.RopeDim/2)
		if slices.ContainsFunc(factors, func(f float32) bool { return !(f > 0) }) && ld.err == nil {
			ld.err = errors.New("tensor \"rope_freqs.weight\": want factors above 0")
		}
	}
	if ld.err != nil {
		return nil, fmt.Errorf("model: %w", ld.err)
	}
	m.rope = attention.NewRope(c.RopeDim, c.RopeTheta, factors, c.RopeInterleaved)
	m.att = attention.Params{
		NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim,
		Scale: float32(1 / math.Sqrt(float64(c.HeadDim))), Window: int32(c.SlidingWindow), Rope: m.rope,
	}
	return m, nil
}

// loader finds tensors of the wanted shape; the first failure stays.
type loader struct {
	src   *weights.Source
	pool  *par.Pool
	block [2]int // rows and columns that share a scale in FP8
	err   error
}

func (ld *loader) layer(i int, c Config) layer {
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s", i, s) }
	qd, kd := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	l := layer{
		attnNorm: ld.vector(name("attn_norm.weight"), c.HiddenSize),
		ffnNorm:  ld.vector(name("ffn_norm.weight"), c.HiddenSize),
		q:        ld.linear(name("attn_q.weight"), qd, c.HiddenSize),
		k:        ld.linear(name("attn_k.weight"), kd, c.HiddenSize),
		v:        ld.linear(name("attn_v.weight"), kd, c.HiddenSize),
		o:        ld.linear(name("attn_output.weight"), c.HiddenSize, qd),
		gate:     ld.linear(name("ffn_gate.weight"), c.IntermediateSize, c.HiddenSize),
		up:       ld.linear(name("ffn_up.weight"), c.IntermediateSize, c.HiddenSize),
		down:     ld.linear(name("ffn_down.weight"), c.HiddenSize, c.IntermediateSize),
	}
	if c.QKVBias || ld.has(name("attn_q.bias")) {
		l.qBias = ld.vector(name("attn_q.bias"), qd)
		l.kBias = ld.vector(name("attn_k.bias"), kd)
		l.vBias = ld.vector(name("attn_v.bias"), kd)
	}
	if c.QKNorm {
		l.qNorm = ld.vector(name("attn_q_norm.weight"), c.HeadDim)
		l.kNorm = ld.vector(name("attn_k_norm.weight"), c.HeadDim)
	}
	for _, s := range []string{"attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"} {
		if ld.has(name(s)) && ld.err == nil {
			ld.err = fmt.Errorf("%w: tensor %q", ErrUnsupported, name(s))
		}
	}
	return l
}

func (ld *loader) has(name string) bool {
	_, ok := ld.src.Info(name)
	return ok
}

// tensor returns a tensor of that shape.
func (ld *loader) tensor(name string, shape ...int) weights.Tensor {
	if ld.err != nil {
		return weights.Tensor{}
	}
	t, err := ld.src.Tensor(name)
	if err != nil {
		ld.err = err
		return t
	}
	if !slices.Equal(t.Shape, shape) {
		ld.err = fmt.Errorf("tensor %q: want shape %v, have %v", name, shape, t.Shape)
	}
	return t
}

// stored returns the matrix that a tensor is in its file.
func (ld *loader) stored(t weights.Tensor, rows, cols int) quant.Matrix {
	if ld.err != nil {
		return quant.Matrix{}
	}
	f, err := quant.ByName(t.Type.String())
	if err != nil {
		ld.err = &TypeError{t.Name, t.Type}
		return quant.Matrix{}
	}
	m, err := quant.New(f, rows, cols, t.Data)
	if err != nil {
		ld.err = fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return m
}

// Supports reports whether matrices of a type can be multiplied, as they are or
// as what they are converted to when a model is opened.
func Supports(t weights.Type) bool {
	_, err := quant.ByName(t.String())
	return err == nil || encodingOf(t) != nil
}

// Values decodes a matrix of a model's file, with its scales if it is in FP8, to
// [rows][cols] values of the caller's.
func Values(src *weights.Source, name string) (x []float32, rows, cols int, err error) {
	info, _ := src.Info(name)
	if len(info.Shape) != 2 {
		return nil, 0, 0, fmt.Errorf("tensor %q: want a matrix, have shape %v", name, info.Shape)
	}
	rows, cols = info.Shape[0], info.Shape[1]
	ld := &loader{src: src, block: fp8Block(src.Config)}
	t := ld.tensor(name, rows, cols)
	var decode func(row []float32, j int)
	if ld.err == nil && encodingOf(t.Type) != nil {
		decode = ld.coded(t).decode
	} else {
		m := ld.stored(t, rows, cols)
		decode = func(row []float32, j int) { m.Decode(row, j, j+1) }
	}
	if ld.err != nil {
		return nil, 0, 0, ld.err
	}
	x = make([]float32, rows*cols)
	for j := range rows {
		decode(x[j*cols:][:cols], j)
	}
	return x, rows, cols, nil
}

func (ld *loader) matrix(name string, rows, cols int) quant.Matrix {
	t := ld.tensor(name, rows, cols)
	if ld.err == nil && encodingOf(t.Type) != nil {
		return ld.fp8(t)
	}
	m := ld.stored(t, rows, cols)
	if ld.err != nil {
		return m
	}
	return ld.repacked(m)
}

// linear returns a weight with its correction: the tensors that a LoRA adapter
// in GGUF has, name.lora_a [rank][cols] and name.lora_b [rows][rank], with B
// multiplied by adapter.lora.alpha over the rank unless alpha is 0.
func (ld *loader) linear(name string, rows, cols int) linear {
	w := linear{Matrix: ld.matrix(name, rows, cols), name: name}
	a, ok := ld.src.Info(name + ".lora_a")
	if !ok || ld.err != nil {
		return w
	}
	if len(a.Shape) != 2 || a.Shape[0] > min(rows, cols) {
		ld.err = fmt.Errorf("tensor %q: want shape [rank %d] with a rank of at most %d, have %v", a.Name, cols, min(rows, cols), a.Shape)
		return w
	}
	rank := a.Shape[0]
	w.a = ld.matrix(a.Name, rank, cols)
	b := ld.matrix(name+".lora_b", rows, rank)
	if ld.err != nil {
		return w
	}
	r := &metaReader{meta: ld.src.Meta, prefix: "adapter."}
	scale := float32(1)
	if alpha := r.float("lora.alpha", 0); alpha != 0 {
		scale = float32(alpha / float64(rank))
	}
	ld.err = r.err
	x, t := make([]float32, rank), make([]float32, rank*rows)
	for j := range rows {
		b.Decode(x, j, j+1)
		for r, v := range x {
			t[r*rows+j] = v * scale
		}
	}
	w.b = quant.Pack(quant.F16, t, rank, rows)
	return w
}

func (ld *loader) vector(name string, n int) []float32 {
	m := ld.stored(ld.tensor(name, n), 1, n)
	if ld.err != nil {
		return nil
	}
	x := make([]float32, n)
	m.Decode(x, 0, 1)
	return x
}
