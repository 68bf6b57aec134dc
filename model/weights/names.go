package weights

import (
	"strconv"
	"strings"
)

// The modules of Llama, Mistral, Qwen2 and Qwen3 in Hugging Face files, and
// their names in GGUF.
var (
	modelNames = map[string]string{
		"embed_tokens": "token_embd",
		"norm":         "output_norm",
		"lm_head":      "output",
	}
	blockNames = map[string]string{
		"input_layernorm":          "attn_norm",
		"self_attn.q_proj":         "attn_q",
		"self_attn.k_proj":         "attn_k",
		"self_attn.v_proj":         "attn_v",
		"self_attn.o_proj":         "attn_output",
		"self_attn.q_norm":         "attn_q_norm",
		"self_attn.k_norm":         "attn_k_norm",
		"post_attention_layernorm": "ffn_norm",
		"mlp.gate_proj":            "ffn_gate",
		"mlp.up_proj":              "ffn_up",
		"mlp.down_proj":            "ffn_down",
	}
)

// ggufName returns GGUF's name of a tensor in a Hugging Face file, and a name
// that is not known as it is: "model.layers.3.mlp.up_proj.weight" is
// "blk.3.ffn_up.weight". The prefix "model." may be missing, as in files of
// models without a head.
func ggufName(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return name
	}
	switch name[dot:] {
	case ".weight", ".bias", ".weight_scale", ".weight_scale_inv", ".input_scale": // the last three of FP8
	default:
		return name
	}
	module := strings.TrimPrefix(name[:dot], "model.")
	if to, ok := modelNames[module]; ok {
		return to + name[dot:]
	}
	rest, ok := strings.CutPrefix(module, "layers.")
	if !ok {
		return name
	}
	number, module, _ := strings.Cut(rest, ".")
	to, ok := blockNames[module]
	if n, err := strconv.ParseUint(number, 10, 31); !ok || err != nil || strconv.FormatUint(n, 10) != number {
		return name
	}
	return "blk." + number + "." + to + name[dot:]
}
