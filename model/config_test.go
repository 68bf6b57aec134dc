package model_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// ggufMeta is what a Llama file says of itself.
func ggufMeta() map[string]any {
	return map[string]any{
		"general.architecture": "llama", "llama.embedding_length": uint32(2048), "llama.feed_forward_length": uint32(8192),
		"llama.block_count": uint32(16), "llama.attention.head_count": uint32(32), "llama.attention.head_count_kv": uint32(8),
		"llama.context_length": uint32(131072), "llama.attention.layer_norm_rms_epsilon": float32(1e-5), "llama.rope.freq_base": float32(500000),
	}
}

func TestConfigFromGGUF(t *testing.T) {
	c, err := model.ConfigFromGGUF(ggufMeta())
	require.NoError(t, err)
	c.VocabSize = 128256
	want, err := testmodel.Shape("llama-3.2-1b")
	require.NoError(t, err)
	want.RopeDim, want.RopeInterleaved = 64, true
	require.Equal(t, want, c)
	require.NoError(t, c.Check())
	for reason, change := range map[string]map[string]any{
		"metadata llama.block_count is string many":   {"llama.block_count": "many"},
		"want a whole number below 2^31":              {"llama.attention.head_count": int32(-4)},
		"metadata llama.rope.freq_base is string":     {"llama.rope.freq_base": "x"},
		"values of 32 and keys of 64":                 {"llama.attention.value_length": uint32(32)},
		"mixture of 8 experts":                        {"llama.expert_count": uint32(8)},
		`architecture "mamba", want llama, qwen2`:     {"general.architecture": "mamba"},
		`rope scaling "yarn", want linear or llama3`:  {"llama.rope.scaling.type": "yarn"},
		"32 heads over 5 KV heads":                    {"llama.attention.head_count_kv": uint32(5)},
		"norm epsilon is NaN":                         {"llama.attention.layer_norm_rms_epsilon": float32(math.NaN())},
		"rope theta is 0":                             {"llama.rope.freq_base": float32(0)},
		"7 rotated channels, want an even number":     {"llama.rope.dimension_count": uint32(7)},
		"hidden size is 9000000, want 1 to 1048576":   {"llama.embedding_length": uint32(9000000)},
		"rope scaling linear has factor 0":            {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": float32(0), "llama.rope.scale_linear": float32(0)},
		"number of KV heads is 0, want 1 to":          {"llama.attention.head_count_kv": uint32(0)},
		"context_length is missing, want a whole":     {"llama.context_length": nil},
		"layer_norm_rms_epsilon is missing, want a n": {"llama.attention.layer_norm_rms_epsilon": nil},
	} {
		meta := ggufMeta()
		maps.Copy(meta, change)
		maps.DeleteFunc(meta, func(_ string, v any) bool { return v == nil })
		c, err := model.ConfigFromGGUF(meta)
		if err == nil {
			c.VocabSize = 1000
			err = c.Check()
		}
		require.ErrorContains(t, err, reason)
	}
}

func hfConfig(change map[string]any) []byte {
	c := map[string]any{
		"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
		"num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
		"hidden_act": "silu", "torch_dtype": "bfloat16",
	}
	maps.Copy(c, change)
	data, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return data
}

func TestConfigFromHF(t *testing.T) {
	c, err := model.ConfigFromHF(hfConfig(nil))
	require.NoError(t, err)
	want, err := testmodel.Shape("llama-3.2-1b")
	require.NoError(t, err)
	want.RopeDim = 64
	require.Equal(t, want, c)

	c, err = model.ConfigFromHF(hfConfig(map[string]any{"model_type": "mistral", "sliding_window": 4096, "head_dim": 128}))
	require.NoError(t, err)
	require.Equal(t, []any{"llama", 4096, 128}, []any{c.Architecture, c.SlidingWindow, c.HeadDim})
	c, err = model.ConfigFromHF(hfConfig(map[string]any{"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": false}))
	require.NoError(t, err)
	require.Equal(t, []any{true, false, 0}, []any{c.QKVBias, c.QKNorm, c.SlidingWindow})
	c, err = model.ConfigFromHF(hfConfig(map[string]any{"model_type": "qwen3", "rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 1e6}}))
	require.NoError(t, err)
	require.Equal(t, []any{false, true, 1e6}, []any{c.QKVBias, c.QKNorm, c.RopeTheta})
	c, err = model.ConfigFromHF(hfConfig(map[string]any{"rope_scaling": map[string]any{
		"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
	}}))
	require.NoError(t, err)
	require.Equal(t, model.RopeScaling{Type: "llama3", Factor: 32, LowFreq: 1, HighFreq: 4, OriginalMaxPositions: 8192}, c.RopeScaling)
	require.NoError(t, c.Check())

	for reason, change := range map[string]map[string]any{
		`model_type "gpt_neox"`:                 {"model_type": "gpt_neox"},
		`hidden_act "gelu", want silu`:          {"hidden_act": "gelu"},
		"mlp_bias":                              {"mlp_bias": true},
		`quant_method "gptq", want fp8`:         {"quantization_config": map[string]any{"quant_method": "gptq", "bits": 4}},
		`quant_method "awq"`:                    {"quantization_config": map[string]any{"quant_method": "awq"}},
		`quant_method "bitsandbytes"`:           {"quantization_config": map[string]any{"quant_method": "bitsandbytes", "load_in_4bit": true}},
		`compressed-tensors in format "pack-qu`: {"quantization_config": map[string]any{"quant_method": "compressed-tensors", "format": "pack-quantized"}},
		"weight_block_size [128 0], want two":   {"quantization_config": map[string]any{"quant_method": "fp8", "weight_block_size": []int{128, 0}}},
		"a sliding window in some layers":       {"model_type": "qwen2", "use_sliding_window": true, "sliding_window": 100},
		`rope scaling "longrope", want`:         {"rope_scaling": map[string]any{"type": "longrope"}},
		"config.json: json: cannot unmarshal":   {"hidden_size": "wide"},
		"number of layers is 0, want 1 to 4096": {"num_hidden_layers": 0},
	} {
		c, err := model.ConfigFromHF(hfConfig(change))
		if err == nil {
			err = c.Check()
		}
		require.ErrorContains(t, err, reason)
	}
}

// A tensor of a type that cannot be computed on, of another shape, or missing
// is an error that names it.
func TestOpenRefuses(t *testing.T) {
	_, src := random(t, testmodel.Tiny(1), quant.Q8_0)
	const name = "blk.1.ffn_up.weight"
	f64, ok := weights.ParseType("f64")
	require.True(t, ok)
	open := func(change func(*weights.Tensor) bool) error {
		var tensors []weights.Tensor
		for tensor, err := range src.Tensors() {
			require.NoError(t, err)
			if tensor.Name != name || change(&tensor) {
				tensors = append(tensors, tensor)
			}
		}
		meta := []weights.KV{}
		for key, value := range src.Meta {
			meta = append(meta, weights.KV{Key: key, Value: value})
		}
		var file bytes.Buffer
		require.NoError(t, weights.WriteGGUF(&file, meta, tensors))
		changed, err := weights.OpenReaderAt(bytes.NewReader(file.Bytes()), int64(file.Len()))
		require.NoError(t, err)
		defer changed.Close()
		pool := par.New(1)
		defer pool.Close()
		_, err = model.Open(changed, pool)
		return err
	}
	require.NoError(t, open(func(*weights.Tensor) bool { return true }))
	err := open(func(x *weights.Tensor) bool {
		x.Type, x.Data = f64, make([]byte, 8*96*64)
		return true
	})
	var typed *model.TypeError
	require.ErrorAs(t, err, &typed)
	require.Equal(t, model.TypeError{Tensor: name, Type: f64}, *typed)
	require.ErrorIs(t, err, model.ErrUnsupported)
	require.ErrorContains(t, err, `tensor "blk.1.ffn_up.weight" has type f64, want one of [f32`)
	require.ErrorContains(t, open(func(x *weights.Tensor) bool {
		x.Shape = []int{48, 128}
		return true
	}), `tensor "blk.1.ffn_up.weight": want shape [96 64], have [48 128]`)
	require.ErrorIs(t, open(func(*weights.Tensor) bool { return false }), weights.ErrNoTensor)
}

func FuzzConfigFromHF(f *testing.F) {
	f.Add(hfConfig(nil))
	f.Add(hfConfig(map[string]any{"rope_scaling": map[string]any{"type": "linear", "factor": 2.0}, "partial_rotary_factor": 0.5}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := model.ConfigFromHF(data); err == nil {
			_ = c.Check()
		}
	})
}
