package tokenizer

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tokenizerJSON writes a tokenizer.json.
func tokenizerJSON(t testing.TB, vocab map[string]int64, merges jsonMerges, parts, model map[string]any) []byte {
	t.Helper()
	if merges == nil {
		merges = jsonMerges{}
	}
	m := map[string]any{"type": "BPE", "vocab": vocab, "merges": merges}
	maps.Copy(m, model)
	file := map[string]any{"version": "1.0", "model": m}
	maps.Copy(file, parts)
	data, err := json.Marshal(file)
	require.NoError(t, err)
	return data
}

type encoded struct {
	text          string
	special, bare []int32
}

func checkEncoded(t *testing.T, meta map[string]any, cases []encoded) *Tokenizer {
	t.Helper()
	tok, err := FromGGUF(meta)
	require.NoError(t, err)
	for _, c := range cases {
		assert.Equal(t, c.special, tok.Encode(c.text, EncodeOptions{Special: true}), "%q", c.text)
		assert.Equal(t, c.bare, tok.Encode(c.text, EncodeOptions{Bare: true}), "%q", c.text)
	}
	return tok
}

// oddByteLevel is a vocabulary with merges whose parts or results are missing,
// without q and z, and with every kind of special token.
func oddByteLevel() map[string]any {
	var tokens []string
	for _, c := range newByteLevel().char {
		if c != 'q' && c != 'z' {
			tokens = append(tokens, string(c))
		}
	}
	tokens = append(tokens, "ab", "abc", "bc", "ĠĠ", "Ġa", "xy", "the", "th", "<|im_end|>", "<ctl>", "<usr>", "<usr>x")
	types := append(slices.Repeat([]int32{typeNormal}, 263), typeControl, typeUserDefined, typeUserDefined)
	return map[string]any{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2",
		"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
		"tokenizer.ggml.merges":       []string{"a b", "b c", "ab c", "a bc", "Ġ Ġ", "Ġ a", "t h", "q z", "z z", "th e", "h e", "x y", "xy zz", "nospace", " x y", "a  b"},
		"tokenizer.ggml.eos_token_id": uint32(1), "tokenizer.ggml.bos_token_id": uint32(2), "tokenizer.ggml.add_bos_token": true,
	}
}

// The ids in these two tests are llama.cpp's for the same files.
func TestOddByteLevel(t *testing.T) {
	tok := checkEncoded(t, oddByteLevel(), []encoded{
		{"abcabc bc", []int32{2, 255, 255, 32, 256}, []int32{255, 255, 32, 256}},
		{"the theta  a", []int32{2, 260, 32, 260, 115, 97, 32, 258}, []int32{260, 32, 260, 115, 97, 32, 258}},
		{"qz xyzz zq", []int32{2, 32, 119, 120, 32}, []int32{32, 119, 120, 32}},
		{"a<ctl>b<usr>xb<usr>", []int32{2, 97, 263, 98, 265, 98, 264}, []int32{97, 60, 99, 115, 108, 62, 98, 265, 98, 264}},
		{"<|im_end|> café", []int32{2, 262, 32, 99, 97, 102, 193, 167}, []int32{60, 122, 105, 109, 95, 101, 110, 100, 122, 62, 32, 99, 97, 102, 193, 167}},
		{"", []int32{2}, []int32{}},
		{" ", []int32{2, 32}, []int32{32}},
	})
	assert.Equal(t, "gpt2", tok.Model())
	assert.Equal(t, "gpt-2", tok.Pre())
	assert.Equal(t, 266, tok.VocabSize())
	assert.EqualValues(t, 2, tok.BOS())
	assert.EqualValues(t, 1, tok.EOS())
	assert.True(t, tok.IsEOG(1))
	assert.True(t, tok.IsEOG(262), "<|im_end|> is known, whatever type it has")
	assert.False(t, tok.IsEOG(263))
	assert.False(t, tok.IsEOG(-1))
	assert.Equal(t, "a<usr>xb", tok.Decode([]int32{97, 263, 265, 98, 262, -1, 266}))
	assert.Equal(t, "<ctl>", tok.Text(263))
	assert.Equal(t, " a", tok.Text(258))
	assert.Empty(t, tok.Text(266))
	assert.Equal(t, []int32{97, 98}, tok.AppendEncode([]int32{97}, "b", EncodeOptions{Bare: true}))
	// A stray byte is U+FFFD: the bytes ef bf bd, which are the ids 237, 189, 187 without q and z.
	assert.Equal(t, []int32{97, tok.bpe.bytes[0xef], tok.bpe.bytes[0xbf], tok.bpe.bytes[0xbd]}, tok.Encode("a\xff", EncodeOptions{Bare: true}))
}

func oddScored() map[string]any {
	m := scoredMeta(
		[]string{"▁", "a", "b", "c", "ab", "bc", "▁a", "a▁", "▁▁", "▁b▁c", "abc", "中国", "<usr>", "b▁<x>", "é"},
		[]float32{-1, -2, -3, -3, -2, -1, -4, -4, 0, -5, -9, -1, 0, 0, -1})
	types := m["tokenizer.ggml.token_type"].([]int32)
	types[271], types[272] = typeUserDefined, typeUserDefined
	return m
}

func TestOddScored(t *testing.T) {
	tok := checkEncoded(t, oddScored(), []encoded{
		{"abc ab c", []int32{1, 265, 264, 259, 263, 259, 262}, []int32{265, 264, 259, 263, 259, 262}},
		{"a b c", []int32{1, 265, 259, 261, 259, 262}, []int32{265, 259, 261, 259, 262}},
		{"中国中é\n", []int32{1, 259, 270, 231, 187, 176, 273, 13}, []int32{259, 270, 231, 187, 176, 273, 13}},
		{"a<usr> b<s>a", []int32{1, 265, 271, 267, 261, 1, 265}, []int32{265, 271, 267, 261, 63, 118, 65, 260}},
		{"   ", []int32{1, 267, 267}, []int32{267, 267}},
		{"<unk>a</s>", []int32{1, 0, 265, 2}, []int32{259, 63, 120, 113, 110, 65, 260, 63, 50, 118, 65}},
		{"", []int32{1}, []int32{}},
	})
	assert.Equal(t, "llama", tok.Model())
	assert.Empty(t, tok.Pre())
	assert.Equal(t, "\n", tok.Text(13))
	assert.Equal(t, "中国中é\n", tok.Decode(tok.Encode("中国中é\n", EncodeOptions{})))
	assert.Equal(t, "  a", tok.Decode(tok.Encode("  a", EncodeOptions{})))
	// A stray byte is itself, and shows as U+FFFD.
	assert.Equal(t, []int32{265, 3 + 0xe2}, tok.Encode("a\xe2", EncodeOptions{Bare: true}))
	assert.Equal(t, "a\ufffd", tok.Decode([]int32{265, 3 + 0xe2}))
}

// TestPhi3Name has another newline token, and the tokens of a model by the name
// of Phi-3, which take the white space behind them along. The ids are
// llama.cpp's.
func TestPhi3Name(t *testing.T) {
	m := oddScored()
	for key, last := range map[string]any{"tokens": []string{"\n", "<|endoftext|>"}, "scores": []float32{0, 0}, "token_type": []int32{typeNormal, typeControl}} {
		key = "tokenizer.ggml." + key
		switch v := m[key].(type) {
		case []string:
			m[key] = append(slices.Delete(v, 13, 14), last.([]string)...)
		case []float32:
			m[key] = append(slices.Delete(v, 13, 14), last.([]float32)...)
		case []int32:
			m[key] = append(slices.Delete(v, 13, 14), last.([]int32)...)
		}
	}
	m["general.name"] = "My Phi-3 model"
	m["tokenizer.ggml.add_space_prefix"] = false
	m["tokenizer.ggml.add_eos_token"] = true
	checkEncoded(t, m, []encoded{
		{"a\n b", []int32{1, 259, 273, 258, 260, 2}, []int32{259, 273, 258, 260}},
		{"a<usr> \n b<s> a</s>  b", []int32{1, 259, 270, 260, 1, 264, 2, 260, 2}, []int32{259, 270, 260, 62, 117, 64, 264, 62, 49, 117, 64, 266, 260}},
	})
}

func TestGGUFDefaults(t *testing.T) {
	with := func(key string, value any) map[string]any {
		m := oddByteLevel()
		m["tokenizer.ggml."+key] = value
		return m
	}
	tok, err := FromGGUF(with("pre", "llama-bpe"))
	require.NoError(t, err)
	assert.Equal(t, []int32{2, 260}, tok.Encode("the", EncodeOptions{}))

	m := with("pre", "llama-bpe")
	delete(m, "tokenizer.ggml.add_bos_token")
	tok, err = FromGGUF(m)
	require.NoError(t, err)
	assert.Equal(t, []int32{2, 260}, tok.Encode("the", EncodeOptions{}), "llama-bpe adds BOS by default")

	m = oddByteLevel()
	delete(m, "tokenizer.ggml.add_bos_token")
	delete(m, "tokenizer.ggml.pre")
	tok, err = FromGGUF(m)
	require.NoError(t, err)
	assert.Equal(t, "default", tok.Pre())
	assert.Equal(t, []int32{260}, tok.Encode("the", EncodeOptions{}))

	tok, err = FromGGUF(with("bos_token_id", int64(-1)))
	require.ErrorContains(t, err, "add_bos_token")
	assert.Nil(t, tok)

	for key, value := range map[string]any{
		"bos_token_id": uint32(266), "eos_token_id": int64(-7), "eot_token_id": "x", "fim_pad_token_id": uint64(1 << 40), "tokens": []string{},
		"token_type": []int32{1}, "merges": "a b", "add_bos_token": 1, "pre": 3,
	} {
		_, err := FromGGUF(with(key, value))
		assert.ErrorContains(t, err, "tokenizer.ggml."+key)
	}
	m = oddByteLevel()
	m["tokenizer.ggml.tokens"].([]string)[7] = "a"
	_, err = FromGGUF(m)
	assert.ErrorContains(t, err, "tokenizer.ggml.tokens: want different texts")
	_, err = FromGGUF(with("pre", "no-such"))
	assert.ErrorIs(t, err, ErrPreTokenizer)
	assert.ErrorContains(t, err, "no-such")
	_, err = FromGGUF(with("model", "bert"))
	assert.ErrorIs(t, err, ErrModel)
	_, err = FromGGUF(nil)
	assert.ErrorIs(t, err, ErrModel)
}

func TestEndOfGeneration(t *testing.T) {
	texts := []string{"<|return|>", "<|call|>", "<|end|>", "<|channel|>", "</s>", "<|fim_pad|>", "<|fim_prefix|>", "[PAD]", "x"}
	m := map[string]any{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": texts, "tokenizer.ggml.merges": []string{},
		"tokenizer.ggml.token_type": slices.Repeat([]int32{typeControl}, len(texts)), "tokenizer.ggml.eom_token_id": uint8(8), "tokenizer.chat_template": "{{ x }}",
	}
	tok, err := FromGGUF(m)
	require.NoError(t, err)
	var ends []string
	for id, text := range texts {
		if tok.IsEOG(int32(id)) {
			ends = append(ends, text)
		}
	}
	// With <|return|> and <|call|> there, <|end|> only ends a message and is shown, as <|channel|> is.
	assert.Equal(t, []string{"<|return|>", "<|call|>", "</s>", "<|fim_pad|>", "x"}, ends)
	assert.Equal(t, "<|end|><|channel|>", tok.Decode([]int32{0, 1, 2, 3, 4, 5, 6}))
	assert.EqualValues(t, -1, tok.BOS())
	assert.EqualValues(t, -1, tok.EOS())
	assert.Equal(t, "{{ x }}", tok.ChatTemplate())
}

func TestDecoderKeepsCharactersWhole(t *testing.T) {
	tok, err := FromGGUF(oddScored())
	require.NoError(t, err)
	d := tok.Decoder()
	var got []string
	for _, id := range []int32{1, 259, 231, 187, 176, 3 + 0xe2, 260, 3 + 0xf0, 3 + 0x9f} {
		got = append(got, d.Next(id))
	}
	got = append(got, d.Flush(), d.Next(265))
	assert.Equal(t, []string{"", "", "", "", "中", "", "\ufffda", "", "", "\ufffd", "a"}, got)
	// The continuation of a prompt keeps its space.
	d.Next(260)
	assert.Equal(t, " a", d.Next(265))
}

func TestConcurrent(t *testing.T) {
	tok, err := FromGGUF(oddScored())
	require.NoError(t, err)
	texts := []string{"abc ab c", "中国中é\n", strings.Repeat("a b ", 300), strings.Repeat("ab", 300)}
	var want [][]int32
	for _, s := range texts {
		want = append(want, tok.Encode(s, EncodeOptions{}))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				k := i % len(texts)
				assert.Equal(t, want[k], tok.Encode(texts[k], EncodeOptions{}))
			}
		})
	}
	wg.Wait()
}
