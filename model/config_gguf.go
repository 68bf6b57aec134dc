package model

import (
	"errors"
	"fmt"
	"math"
)

// ErrUnsupported is wrapped by errors about models that are sound but that this
// package cannot run.
var ErrUnsupported = errors.New("unsupported")

// ConfigFromGGUF reads the hyperparameters from a GGUF file's metadata. The
// vocabulary's size is that of the embedding and must be filled in.
func ConfigFromGGUF(meta map[string]any) (Config, error) {
	arch, ok := meta["general.architecture"].(string)
	if !ok {
		return Config{}, fmt.Errorf("model: metadata general.architecture: want a string, have %T", meta["general.architecture"])
	}
	r := &metaReader{meta: meta, prefix: arch + "."}
	c := Config{Architecture: arch, RopeInterleaved: arch == "llama", QKVBias: arch == "qwen2", QKNorm: arch == "qwen3"}
	switch arch {
	case "llama", "qwen2", "qwen3":
	default:
		return Config{}, fmt.Errorf("model: %w: architecture %q, want llama, qwen2 or qwen3", ErrUnsupported, arch)
	}
	c.HiddenSize = r.int("embedding_length", -1)
	c.IntermediateSize = r.int("feed_forward_length", -1)
	c.NumLayers = r.int("block_count", -1)
	c.NumHeads = r.int("attention.head_count", -1)
	c.NumKVHeads = r.int("attention.head_count_kv", c.NumHeads)
	c.MaxPositions = min(r.int("context_length", -1), maxPositions)
	c.SlidingWindow = r.int("attention.sliding_window", 0)
	c.RMSNormEps = float32(r.float("attention.layer_norm_rms_epsilon", math.NaN()))
	c.RopeTheta = r.float("rope.freq_base", 10000)
	if r.err == nil && c.NumHeads > 0 {
		c.HeadDim = r.int("attention.key_length", c.HiddenSize/c.NumHeads)
		if v := r.int("attention.value_length", c.HeadDim); v != c.HeadDim && r.err == nil {
			r.err = fmt.Errorf("%w: values of %d and keys of %d channels, want the same", ErrUnsupported, v, c.HeadDim)
		}
	}
	c.RopeDim = r.int("rope.dimension_count", c.HeadDim)
	if n := r.int("expert_count", 0); n > 0 && r.err == nil {
		r.err = fmt.Errorf("%w: mixture of %d experts", ErrUnsupported, n)
	}
	r.scaling(&c.RopeScaling)
	if r.err != nil {
		return Config{}, fmt.Errorf("model: %w", r.err)
	}
	return c, nil
}

// scaling reads how positions are stretched. Llama 3's rule comes as a tensor
// of factors instead.
func (r *metaReader) scaling(s *RopeScaling) {
	kind := r.text("rope.scaling.type", "none")
	factor := r.float("rope.scaling.factor", 0)
	if factor == 0 {
		factor = r.float("rope.scale_linear", 1)
	}
	switch {
	case kind == "linear" || kind == "none" && factor != 1:
		*s = RopeScaling{Type: "linear", Factor: factor}
	case kind != "none":
		s.Type = kind
	}
	if s.Type == "linear" && s.Factor == 1 {
		*s = RopeScaling{}
	}
}

// metaReader reads values of the wanted type; the first failure stays.
type metaReader struct {
	meta   map[string]any
	prefix string
	err    error
}

func (r *metaReader) fail(key, want string) {
	if r.err == nil {
		v, ok := r.meta[r.prefix+key]
		if !ok {
			r.err = fmt.Errorf("metadata %s%s is missing, want %s", r.prefix, key, want)
			return
		}
		r.err = fmt.Errorf("metadata %s%s is %T %.40v, want %s", r.prefix, key, v, fmt.Sprint(v), want)
	}
}

// int returns an integer that fits 31 bits; a missing one is fallback, or an
// error if that is negative.
func (r *metaReader) int(key string, fallback int) int {
	v, ok := r.meta[r.prefix+key]
	if !ok && fallback >= 0 {
		return fallback
	}
	n, ok := integer(v)
	if !ok || n < 0 || n > math.MaxInt32 {
		// A context of 2³²−1 is some writers' word for "no limit".
		if key == "context_length" && ok && n > 0 {
			return maxPositions
		}
		r.fail(key, "a whole number below 2^31")
		return 0
	}
	return int(n)
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case uint8:
		return int64(v), true
	case int8:
		return int64(v), true
	case uint16:
		return int64(v), true
	case int16:
		return int64(v), true
	case uint32:
		return int64(v), true
	case int32:
		return int64(v), true
	case uint64:
		return int64(min(v, math.MaxInt64)), true
	case int64:
		return v, true
	}
	return 0, false
}

// float returns a number; a missing one is fallback, or an error if that is NaN.
func (r *metaReader) float(key string, fallback float64) float64 {
	v, ok := r.meta[r.prefix+key]
	if !ok && fallback == fallback {
		return fallback
	}
	switch v := v.(type) {
	case float32:
		return float64(v)
	case float64:
		return v
	}
	r.fail(key, "a number")
	return 0
}

func (r *metaReader) text(key, fallback string) string {
	v, ok := r.meta[r.prefix+key]
	if !ok {
		return fallback
	}
	s, ok := v.(string)
	if !ok {
		r.fail(key, "a string")
	}
	return s
}
