package tokenizer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func vocabOf(texts ...string) map[string]int64 {
	v := map[string]int64{}
	for i, s := range texts {
		v[s] = int64(i)
	}
	return v
}

// object is JSON.
type object = map[string]any

var (
	spmNormalizer = object{"type": "Sequence", "normalizers": []object{
		{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": object{"String": " "}, "content": "▁"}}}
	spmDecoder = object{"type": "Sequence", "decoders": []object{
		{"type": "Replace", "pattern": object{"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
		{"type": "Strip", "content": " ", "start": 1, "stop": 0}}}
	byteLevelPart = object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
)

// TestOddJSON has vocabularies whose bytes and characters are incomplete. The
// ids are those of Hugging Face's tokenizers 0.23.2 for the same files.
func TestOddJSON(t *testing.T) {
	unk := []object{{"id": 0, "content": "<unk>", "special": true}}
	texts := []string{"abb ab", "a béb a", "xaby", "ééabÃ", "b a中中b", "ab"}
	chars := vocabOf("<unk>", "a", "b", "▁", "ab", "▁a", "a▁b", "b▁", "▁▁", "<0xC3>", "<0xA9>", "<0xC3>a", "b<0xC3>", "A")
	bytes := vocabOf("<u>", "a", "b", "ab", "Ġ", "Ġa", "c")
	for _, c := range []struct {
		name   string
		vocab  map[string]int64
		merges jsonMerges
		parts  object
		model  object
		want   [][]int32
	}{
		{"fuse", chars, jsonMerges{{"a", "b"}, {"▁", "a"}, {"b", "▁"}, {"▁", "▁"}, {"<0xC3>", "a"}, {"b", "<0xC3>"}},
			object{"added_tokens": unk, "normalizer": spmNormalizer, "decoder": spmDecoder}, object{"unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true},
			[][]int32{{3, 4, 7, 4}, {5, 3, 12, 10, 2, 5}, {3, 0, 4, 0}, {3, 9, 10, 9, 10, 4, 0}, {3, 2, 5, 0, 2}, {3, 4}}},
		{"whole words", chars, jsonMerges{{"a", "b"}, {"▁", "a"}, {"b", "▁"}},
			object{"added_tokens": unk, "normalizer": spmNormalizer, "decoder": spmDecoder}, object{"unk_token": "<unk>", "byte_fallback": true, "ignore_merges": true},
			[][]int32{{3, 4, 7, 4}, {5, 3, 2, 9, 10, 2, 5}, {3, 0, 4, 0}, {3, 9, 10, 9, 10, 4, 0}, {3, 2, 5, 0, 0, 2}, {3, 4}}},
		{"bytes, fused", bytes, jsonMerges{{"a", "b"}, {"Ġ", "a"}}, object{"pre_tokenizer": byteLevelPart, "decoder": byteLevelPart}, object{"unk_token": "<u>", "fuse_unk": true},
			[][]int32{{3, 2, 4, 3}, {1, 4, 2, 0, 2, 5}, {0, 3, 0}, {0, 3, 0}, {2, 5, 0, 2}, {3}}},
		{"bytes, dropped", bytes, jsonMerges{{"a", "b"}, {"Ġ", "a"}}, object{"pre_tokenizer": byteLevelPart, "decoder": byteLevelPart}, nil,
			[][]int32{{3, 2, 4, 3}, {1, 4, 2, 2, 5}, {3}, {3}, {2, 4, 3}, {3}}},
	} {
		tok, err := FromJSON(tokenizerJSON(t, c.vocab, c.merges, c.parts, c.model), nil)
		require.NoError(t, err, c.name)
		for i, s := range texts {
			assert.Equal(t, c.want[i], tok.Encode(s, EncodeOptions{}), "%s: %q", c.name, s)
		}
		assert.Equal(t, "ab", tok.Decode(tok.Encode("ab", EncodeOptions{})))
	}
}

// TestAddedTokens checks which stretch of a text an added token takes.
func TestAddedTokens(t *testing.T) {
	added := []object{
		{"id": 6, "content": "<s>", "special": true},
		{"id": 7, "content": "<s>c", "lstrip": true, "rstrip": true},
		{"id": 8, "content": "ba", "single_word": true},
		{"id": 9, "content": "é", "normalized": true},
	}
	tok, err := FromJSON(tokenizerJSON(t, vocabOf("a", "b", "c", "Ġ", "<", ">"), nil, object{
		"added_tokens": added, "normalizer": object{"type": "NFC"}, "pre_tokenizer": byteLevelPart, "decoder": byteLevelPart}, nil), nil)
	require.NoError(t, err)
	for _, c := range []struct {
		text           string
		special, text2 []int32
	}{
		{"a<s>b", []int32{0, 6, 1}, []int32{0, 4, 5, 1}},
		{"a  <s>c  b", []int32{0, 7, 1}, []int32{0, 7, 1}},
		{"ba bac ba", []int32{8, 3, 1, 0, 2, 3, 8}, []int32{8, 3, 1, 0, 2, 3, 8}},
		{"a\u00e9e\u0301", []int32{0, 9, 9}, []int32{0, 9, 9}}, // e and an accent are é to NFC
	} {
		assert.Equal(t, c.special, tok.Encode(c.text, EncodeOptions{Special: true}), "%q", c.text)
		assert.Equal(t, c.text2, tok.Encode(c.text, EncodeOptions{}), "%q", c.text)
	}
	assert.Equal(t, "aé<s>c", tok.Decode([]int32{0, 6, 9, 7}), "special tokens do not show, others do")
	assert.Equal(t, "gpt-2", tok.Pre())
}

func TestMetaspace(t *testing.T) {
	vocab := vocabOf("<s>", "a", "b", "▁", "▁a", "▁▁", "b▁")
	merges := jsonMerges{{"▁", "▁"}, {"b", "▁"}, {"▁", "a"}}
	for _, c := range []struct {
		part object
		want []int32 // of "a b a<s>b"
	}{
		{object{"prepend_scheme": "first", "split": false}, []int32{4, 3, 6, 1, 0, 2}},
		{object{"prepend_scheme": "always", "split": false}, []int32{4, 3, 6, 1, 0, 3, 2}},
		{object{"prepend_scheme": "never", "split": false}, []int32{1, 3, 6, 1, 0, 2}},
		{object{"prepend_scheme": "always", "split": true}, []int32{4, 3, 2, 4, 0, 3, 2}},
		{object{"add_prefix_space": true}, []int32{4, 3, 2, 4, 0, 3, 2}},
		{object{"add_prefix_space": false}, []int32{1, 3, 2, 4, 0, 2}},
	} {
		c.part["type"], c.part["replacement"] = "Metaspace", "▁"
		tok, err := FromJSON(tokenizerJSON(t, vocab, merges, object{
			"added_tokens": []object{{"id": 0, "content": "<s>", "special": true}}, "pre_tokenizer": c.part, "decoder": c.part}, nil), nil)
		require.NoError(t, err)
		assert.Equal(t, c.want, tok.Encode("a b a<s>b", EncodeOptions{Special: true}), "%v", c.part)
		assert.Equal(t, "a b", tok.Decode(tok.Encode("a b", EncodeOptions{})), "%v", c.part)
	}
}

func TestTemplateAndConfig(t *testing.T) {
	template := object{"type": "Sequence", "processors": []object{byteLevelPart, {"type": "TemplateProcessing",
		"single":         []object{{"SpecialToken": object{"id": "B", "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}}, {"SpecialToken": object{"id": "E", "type_id": 0}}},
		"special_tokens": object{"B": object{"id": "B", "ids": []int{1, 2}}, "E": object{"id": "E", "ids": []int{3}}}}}}
	file := tokenizerJSON(t, vocabOf("a", "<s>", "x", "</s>", "<|im_end|>"), nil, object{"post_processor": template}, nil)
	tok, err := FromJSON(file, nil)
	require.NoError(t, err)
	assert.Equal(t, []int32{1, 2, 0, 3}, tok.Encode("a", EncodeOptions{}))
	assert.Equal(t, []int32{0}, tok.Encode("a", EncodeOptions{Bare: true}))
	assert.EqualValues(t, -1, tok.BOS())
	assert.True(t, tok.IsEOG(4))

	tok, err = FromJSON(file, []byte(`{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": {"content": "x"}, "chat_template": "{{ a }}", "add_bos_token": false}`))
	require.NoError(t, err)
	assert.Equal(t, []int32{1, 2, 0, 3}, tok.Encode("a", EncodeOptions{}), "only some classes replace the template")
	assert.EqualValues(t, 1, tok.BOS())
	assert.EqualValues(t, 2, tok.EOS())
	assert.True(t, tok.IsEOG(2))
	assert.Equal(t, "{{ a }}", tok.ChatTemplate())

	tok, err = FromJSON(file, []byte(`{"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "add_eos_token": true, "chat_template": [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]}`))
	require.NoError(t, err)
	assert.Equal(t, []int32{1, 0, 3}, tok.Encode("a", EncodeOptions{}))
	assert.Equal(t, "d", tok.ChatTemplate())

	for _, config := range []string{`{`, `{"bos_token": "nowhere"}`, `{"tokenizer_class": "LlamaTokenizer"}`, `{"chat_template": 1}`} {
		_, err = FromJSON(file, []byte(config))
		assert.ErrorContains(t, err, "tokenizer_config.json", config)
	}
}

func TestPatternsByName(t *testing.T) {
	split := func(pattern string) object {
		return object{"type": "Split", "pattern": object{"Regex": pattern}, "behavior": "Isolated", "invert": false}
	}
	plain := object{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}
	sequence := func(parts ...object) object { return object{"type": "Sequence", "pretokenizers": parts} }
	for name, part := range map[string]object{
		"llama-bpe": sequence(split(patternLlama3), plain),
		"qwen2":     sequence(split(patternQwen2), plain),
		"gpt-2":     byteLevelPart,
		"smollm":    sequence(object{"type": "Digits", "individual_digits": true}, byteLevelPart),
		"deepseek-llm": sequence(split("[\r\n]"), split(`\s?[`+deepWords+`]+`), split(`\s?[`+deepPuncts+`]+`), split(`\s+$`), split(`[`+deepHans+`]+`),
			object{"type": "Digits", "individual_digits": true}, plain),
		"": sequence(object{"type": "Digits", "individual_digits": false}, plain),
	} {
		tok, err := FromJSON(tokenizerJSON(t, vocabOf("a"), nil, object{"pre_tokenizer": part, "decoder": byteLevelPart}, nil), nil)
		require.NoError(t, err, name)
		assert.Equal(t, name, tok.Pre())
		assert.Equal(t, "gpt2", tok.Model())
	}
}

func TestUnknownParts(t *testing.T) {
	vocab := vocabOf("a", "b", "ab")
	deep := object{"type": "NFC"}
	for range 12 {
		deep = object{"type": "Sequence", "normalizers": []object{deep}}
	}
	for _, c := range []struct {
		parts, model object
		want         error
	}{
		{object{"normalizer": object{"type": "Lowercase"}}, nil, ErrUnsupported},
		{object{"normalizer": object{"type": "Replace", "pattern": object{"Regex": "a"}, "content": ""}}, nil, ErrUnsupported},
		{object{"pre_tokenizer": object{"type": "Whitespace"}}, nil, ErrPreTokenizer},
		{object{"pre_tokenizer": object{"type": "Split", "pattern": object{"String": " "}, "behavior": "MergedWithPrevious"}}, nil, ErrPreTokenizer},
		{object{"pre_tokenizer": object{"type": "Split", "pattern": object{"Regex": patternGPT2}, "behavior": "MergedWithNext"}}, nil, ErrPreTokenizer},
		{object{"pre_tokenizer": object{"type": "Split", "pattern": object{"Regex": `\p{N}`}, "behavior": "Removed", "invert": true}}, nil, ErrPreTokenizer},
		{object{"pre_tokenizer": object{"type": "Sequence", "pretokenizers": []object{byteLevelPart, {"type": "Digits"}}}}, nil, ErrPreTokenizer},
		{object{"decoder": object{"type": "WordPiece"}}, nil, ErrUnsupported},
		{object{"decoder": object{"type": "Strip", "content": " ", "start": 1}}, nil, ErrUnsupported},
		{object{"post_processor": object{"type": "BertProcessing"}}, nil, ErrUnsupported},
		{nil, object{"dropout": 0.1}, ErrUnsupported},
		{nil, object{"end_of_word_suffix": "</w>"}, ErrUnsupported},
		{nil, object{"type": "Unigram"}, ErrModel},
		{object{"pre_tokenizer": byteLevelPart}, object{"byte_fallback": true}, ErrUnsupported},
	} {
		_, err := FromJSON(tokenizerJSON(t, vocab, jsonMerges{{"a", "b"}}, c.parts, c.model), nil)
		assert.ErrorIs(t, err, c.want, "%v %v", c.parts, c.model)
	}
	_, err := FromJSON(tokenizerJSON(t, vocab, nil, object{"normalizer": deep}, nil), nil)
	assert.ErrorContains(t, err, "sequences")
	_, err = FromJSON([]byte(`{"model": {"vocab": {"a": 0}, "merges": [["a"]]}}`), nil)
	assert.ErrorContains(t, err, "merge 0")
	_, err = FromJSON([]byte(`{"model": {"vocab": {"a": 0}, "merges": ["#version: 0.2"]}}`), nil)
	assert.NoError(t, err)
	_, err = FromJSON([]byte(`{"model": {"vocab": {"a": 5000}, "merges": []}}`), nil)
	assert.ErrorContains(t, err, "5000")
}

// TestUnusedIDs has a gap in the ids.
func TestUnusedIDs(t *testing.T) {
	tok, err := FromJSON([]byte(`{"model": {"vocab": {"a": 0, "b": 3}, "merges": []}}`), nil)
	require.NoError(t, err)
	assert.Equal(t, 4, tok.VocabSize())
	assert.Equal(t, "ab", tok.Decode([]int32{0, 1, 2, 3}))
}

// TestGemmaSplit has a split at spaces behind a normalizer that leaves none.
func TestGemmaSplit(t *testing.T) {
	tok, err := FromJSON(tokenizerJSON(t, vocabOf("a", "▁", "▁a", "a▁a"), jsonMerges{{"▁", "a"}, {"a", "▁a"}}, object{
		"normalizer":    object{"type": "Replace", "pattern": object{"String": " "}, "content": "▁"},
		"pre_tokenizer": object{"type": "Split", "pattern": object{"String": " "}, "behavior": "MergedWithPrevious", "invert": false},
	}, nil), nil)
	require.NoError(t, err)
	assert.Equal(t, []int32{3, 2}, tok.Encode("a a a", EncodeOptions{}))
}

// TestPhi3JSON compares tokenizer.json with the GGUF file of the same
// vocabulary, where both have the same rules.
func TestPhi3JSON(t *testing.T) {
	tok, spm := realVocab(t, "phi-3-json"), realVocab(t, "llama-spm")
	assert.Empty(t, tok.before)
	assert.Equal(t, "<s>", tok.Text(tok.BOS()))
	assert.True(t, strings.HasPrefix(tok.ChatTemplate(), "{"))
	text := string(load(t, "corpora", "tinystories_sample.txt")) + "Ünïcödé 中文 😀\t\x00 \n\n  x"
	for n := range len(text) / 97 {
		s := strings.ToValidUTF8(text[n*97:], "")
		assert.Equal(t, spm.Encode(s, EncodeOptions{Bare: true}), tok.Encode(s, EncodeOptions{Bare: true}), "%q", s)
	}
	// The ids are those of tokenizers 0.23.2.
	ids := tok.Encode("a </s>  b<|end|>\n\nfoo<s>x", EncodeOptions{Special: true})
	assert.Equal(t, []int32{263, 29871, 2, 289, 32007, 7953, 1, 921}, ids)
	assert.Equal(t, "a </s> b foo x", tok.Decode(ids))
	assert.True(t, tok.IsEOG(32007), fmt.Sprint(tok.eog))
}
