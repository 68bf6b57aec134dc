package model

import (
	"encoding/json"
	"fmt"
	"math"
)

// hfConfig is what this package reads of a Hugging Face config.json.
type hfConfig struct {
	ModelType        string          `json:"model_type"`
	HiddenSize       int             `json:"hidden_size"`
	IntermediateSize int             `json:"intermediate_size"`
	NumLayers        int             `json:"num_hidden_layers"`
	NumHeads         int             `json:"num_attention_heads"`
	NumKVHeads       int             `json:"num_key_value_heads"`
	HeadDim          *int            `json:"head_dim"`
	VocabSize        int             `json:"vocab_size"`
	MaxPositions     int             `json:"max_position_embeddings"`
	RMSNormEps       float32         `json:"rms_norm_eps"`
	HiddenAct        string          `json:"hidden_act"`
	AttentionBias    bool            `json:"attention_bias"`
	MLPBias          bool            `json:"mlp_bias"`
	SlidingWindow    *int            `json:"sliding_window"`
	UseSlidingWindow *bool           `json:"use_sliding_window"`
	RopeTheta        float64         `json:"rope_theta"`
	PartialRotary    *float64        `json:"partial_rotary_factor"`
	RopeScaling      *hfRope         `json:"rope_scaling"`
	RopeParameters   *hfRope         `json:"rope_parameters"`
	Quantization     *hfQuantization `json:"quantization_config"`
}

// hfRope is rope_scaling, or rope_parameters as newer files call it.
type hfRope struct {
	Type     string  `json:"rope_type"`
	OldType  string  `json:"type"`
	Theta    float64 `json:"rope_theta"`
	Factor   float64 `json:"factor"`
	LowFreq  float64 `json:"low_freq_factor"`
	HighFreq float64 `json:"high_freq_factor"`
	Original float64 `json:"original_max_position_embeddings"`
}

// ConfigFromHF reads the hyperparameters from a Hugging Face config.json.
func ConfigFromHF(data []byte) (Config, error) {
	f := hfConfig{HiddenAct: "silu", MaxPositions: 2048, RMSNormEps: 1e-6, RopeTheta: 10000}
	if err := json.Unmarshal(data, &f); err != nil {
		return Config{}, fmt.Errorf("model: config.json: %w", err)
	}
	c := Config{
		Architecture: f.ModelType, HiddenSize: f.HiddenSize, IntermediateSize: f.IntermediateSize,
		NumLayers: f.NumLayers, NumHeads: f.NumHeads, NumKVHeads: f.NumKVHeads, VocabSize: f.VocabSize,
		MaxPositions: min(f.MaxPositions, maxPositions), RMSNormEps: f.RMSNormEps, RopeTheta: f.RopeTheta,
	}
	switch f.ModelType {
	case "llama":
		c.QKVBias = f.AttentionBias
	case "mistral":
		c.Architecture = "llama"
		c.SlidingWindow = f.window(true)
	case "qwen2":
		c.QKVBias = true
		c.SlidingWindow = f.window(false)
	case "qwen3":
		c.QKVBias, c.QKNorm = f.AttentionBias, true
		c.SlidingWindow = f.window(false)
	default:
		return Config{}, fmt.Errorf("model: %w: config.json: model_type %q, want llama, mistral, qwen2 or qwen3", ErrUnsupported, f.ModelType)
	}
	switch {
	case f.HiddenAct != "silu":
		return Config{}, fmt.Errorf("model: %w: config.json: hidden_act %q, want silu", ErrUnsupported, f.HiddenAct)
	case f.MLPBias:
		return Config{}, fmt.Errorf("model: %w: config.json: mlp_bias", ErrUnsupported)
	case c.SlidingWindow != 0 && f.ModelType != "mistral":
		return Config{}, fmt.Errorf("model: %w: config.json: a sliding window in some layers", ErrUnsupported)
	}
	if f.Quantization != nil {
		if err := f.Quantization.check(); err != nil {
			return Config{}, err
		}
	}
	if c.NumKVHeads == 0 {
		c.NumKVHeads = c.NumHeads
	}
	if f.HeadDim != nil {
		c.HeadDim = *f.HeadDim
	} else if c.NumHeads > 0 {
		c.HeadDim = c.HiddenSize / c.NumHeads
	}
	c.RopeDim = c.HeadDim
	if f.PartialRotary != nil {
		c.RopeDim = int(math.Round(float64(c.HeadDim) * min(1, max(0, *f.PartialRotary))))
	}
	for _, r := range []*hfRope{f.RopeScaling, f.RopeParameters} {
		if r != nil {
			r.apply(&c)
		}
	}
	return c, nil
}

// window returns the sliding window, if the file turns one on.
func (f *hfConfig) window(unlessSaid bool) int {
	if f.UseSlidingWindow != nil {
		unlessSaid = *f.UseSlidingWindow
	}
	if f.SlidingWindow == nil || !unlessSaid {
		return 0
	}
	return *f.SlidingWindow
}

func (r *hfRope) apply(c *Config) {
	if r.Theta != 0 {
		c.RopeTheta = r.Theta
	}
	kind := r.Type
	if kind == "" {
		kind = r.OldType
	}
	if kind != "" && kind != "default" {
		c.RopeScaling = RopeScaling{kind, r.Factor, r.LowFreq, r.HighFreq, r.Original}
	}
}
