package weights

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSafetensors(t *testing.T) {
	// The order differs from that of the data, which begins at an odd byte.
	header := `  {"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[5,17],"later":{"x":[1]}},` +
		`"__metadata__":{"format":"pt"},` +
		`"model.layers.10.mlp.up_proj.weight":{"dtype":"F8_E4M3","shape":[5],"data_offsets":[0,5]},` +
		`"empty":{"dtype":"I64","shape":[3,0],"data_offsets":[17,17]},` +
		`"one":{"dtype":"F64","shape":[],"data_offsets":[17,25]},` +
		`"half":{"dtype":"F4","shape":[2,3],"data_offsets":[25,28]},` +
		`"six":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[28,31]}}   `
	data := numbered(31)
	var first [32]byte
	err := everyWayBytes(t, safetensorsFile(header, data), func(t *testing.T, s *Source) {
		assert.Equal(t, "safetensors", s.Container)
		meta, tensors := content(t, s)
		assert.Nil(t, meta)
		assert.Nil(t, s.Config)
		assert.Equal(t, []Tensor{
			{"blk.10.ffn_up.weight", "model.layers.10.mlp.up_proj.weight", F8_E4M3, []int{5}, data[:5]},
			{"b", "b", BF16, []int{2, 3}, data[5:17]},
			{"empty", "empty", I64, []int{3, 0}, data[17:17]},
			{"one", "one", F64, []int{}, data[17:25]},
			{"half", "half", F4, []int{2, 3}, data[25:28]},
			{"six", "six", F6_E3M2, []int{4}, data[28:]},
		}, tensors)
		print, err := s.Fingerprint()
		require.NoError(t, err)
		if first == [32]byte{} {
			first = print
		}
		assert.Equal(t, first, print)
	})
	require.NoError(t, err)
}

func TestSafetensorsRefuses(t *testing.T) {
	x := `"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct{ want, header string }{
		{"", `{` + x + `}`},
		{"", `{"x" : { "dtype":"F32" , "more":{"a":[{},"}\\\""],"b":-1e5},"shape": [ 2 ],"data_offsets":[0 , 8] } }`},
		{"", `{"\u0041\"\\":` + x[4:] + `}`},
		{"UTF-8", "{\"\xff\":" + x[4:] + `}`},
		{"want '{', have '['", `[]`},
		{"want '{', have '1'", `1`},
		{"want '{', have 'n'", `{"x":null}`},
		{"unexpected end", ``},
		{"invalid character", "\ufeff{" + x + `}`},
		{"unexpected end", `{` + x},
		{"invalid character", `{` + x + `,}`},
		{"after top-level value", `{` + x + `}{}`},
		{"twice", `{` + x + `,` + x + `}`},
		{"twice", `{"__metadata__":{},"__metadata__":{},` + x + `}`},
		{"want a string", `{"__metadata__":{"a":null},` + x + `}`},
		{"want '{', have '['", `{"__metadata__":[],` + x + `}`},
		{"exceeded max depth", `{"__metadata__":` + strings.Repeat("[", 100_000)},
		{"exceeded max depth", `{"x":{"more":` + strings.Repeat("[", 100_000)},
		{"name is empty", `{"":` + x[4:] + `}`},
		{"want a string", `{"x":{"dtype":5,"shape":[2],"data_offsets":[0,8]}}`},
		{"want an array", `{"x":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}`},
		{"unknown dtype", `{"x":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}`},
		{"unknown dtype", `{"x":{"dtype":"Q8_0","shape":[32],"data_offsets":[0,34]}}`},
		{"want dtype", `{"x":{"dtype":"F32","shape":[2]}}`},
		{"want dtype", `{"x":{"shape":[2],"data_offsets":[0,8]}}`},
		{"want dtype", `{"x":{"dtype":"F32","data_offsets":[0,8]}}`},
		{"twice", `{"x":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`},
		{"invalid syntax", `{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`},
		{"invalid syntax", `{"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`},
		{"out of range", `{"x":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}`},
		{"invalid syntax", `{"x":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`},
		{"whole number of bytes", `{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,8]}}`},
		{"8 bytes apart", `{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`},
		{"8 bytes apart", `{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`},
		{"8 bytes apart", `{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`},
		{"beyond any file", `{"x":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775799,9223372036854775807]}}`},
		{"begins at byte 1 of the data, want 0", `{"x":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}}`},
		{"overlap", `{` + x + `,"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`},
		{"begins at byte 4 of the data, want 2", `{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`},
		{"take 4 bytes of data, the file has 8", `{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`},
		{"take 12 bytes of data, the file has 8", `{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}`},
		{"already in", `{"token_embd.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"model.embed_tokens.weight":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`},
	} {
		err := everyWayBytes(t, safetensorsFile(c.header, make([]byte, 8)), nil)
		if c.want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, c.want, "%.100s", c.header)
		}
	}
	if math.MaxInt == math.MaxInt64 {
		header := `{"x":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`
		assert.ErrorContains(t, everyWayBytes(t, safetensorsFile(header, nil), nil), "more values")
	}
	file := safetensorsFile(`{`+x+`}`, make([]byte, 8))
	for n := range file {
		assert.Error(t, everyWayBytes(t, file[:n], nil), "%d of %d bytes", n, len(file))
	}
}

func TestNames(t *testing.T) {
	for from, want := range map[string]string{
		"model.embed_tokens.weight":                      "token_embd.weight",
		"embed_tokens.weight":                            "token_embd.weight",
		"model.norm.weight":                              "output_norm.weight",
		"lm_head.weight":                                 "output.weight",
		"model.layers.0.self_attn.q_proj.weight":         "blk.0.attn_q.weight",
		"model.layers.12.self_attn.k_proj.bias":          "blk.12.attn_k.bias",
		"model.layers.1.self_attn.v_proj.weight":         "blk.1.attn_v.weight",
		"model.layers.1.self_attn.o_proj.weight":         "blk.1.attn_output.weight",
		"model.layers.1.self_attn.q_norm.weight":         "blk.1.attn_q_norm.weight",
		"model.layers.1.self_attn.k_norm.weight":         "blk.1.attn_k_norm.weight",
		"model.layers.1.input_layernorm.weight":          "blk.1.attn_norm.weight",
		"model.layers.1.post_attention_layernorm.weight": "blk.1.ffn_norm.weight",
		"model.layers.1.mlp.gate_proj.weight":            "blk.1.ffn_gate.weight",
		"model.layers.1.mlp.up_proj.weight":              "blk.1.ffn_up.weight",
		"layers.1.mlp.down_proj.weight":                  "blk.1.ffn_down.weight",
		"blk.0.attn_q.weight":                            "blk.0.attn_q.weight",
		"model.layers.0.self_attn.rotary_emb.inv_freq":   "model.layers.0.self_attn.rotary_emb.inv_freq",
		"model.layers.0.self_attn.q_proj.weight_scale":   "blk.0.attn_q.weight_scale",
		"model.layers.00.mlp.up_proj.weight":             "model.layers.00.mlp.up_proj.weight",
		"model.layers.-1.mlp.up_proj.weight":             "model.layers.-1.mlp.up_proj.weight",
		"model.layers.99999999999999.mlp.up_proj.weight": "model.layers.99999999999999.mlp.up_proj.weight",
		"model.layers.0.weight":                          "model.layers.0.weight",
		"model.layers.0.block_sparse_moe.gate.weight":    "model.layers.0.block_sparse_moe.gate.weight",
		"vision_tower.layers.0.self_attn.q_proj.weight":  "vision_tower.layers.0.self_attn.q_proj.weight",
		"":        "",
		".weight": ".weight",
	} {
		assert.Equal(t, want, ggufName(from))
	}
}
