package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
)

func load(t testing.TB, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(refdata.Data(t, elem...))
	require.NoError(t, err)
	return data
}

func loadJSON(t testing.TB, to any, elem ...string) {
	t.Helper()
	require.NoError(t, json.Unmarshal(load(t, elem...), to))
}

// realVocab builds the tokenizers that the reference data has vocabularies for,
// the GGUF ones from metadata.
func realVocab(t testing.TB, name string) *Tokenizer {
	t.Helper()
	var tok *Tokenizer
	var err error
	switch name {
	case "llama-bpe":
		tok, err = FromGGUF(llama3Meta(t))
	case "qwen2":
		tok, err = FromGGUF(qwen2Meta(t))
	case "stories260K":
		tok, err = FromGGUF(readMeta(t, refdata.Data(t, "models", "stories260K.gguf")))
	case "phi-3-json":
		tok, err = FromJSON(load(t, "tokenizers", "hf-json", "phi-3-mini", "tokenizer.json"), load(t, "tokenizers", "hf-json", "phi-3-mini", "tokenizer_config.json"))
	default:
		tok, err = FromGGUF(readMeta(t, refdata.Data(t, "tokenizers", "gguf-vocab", "ggml-vocab-"+name+".gguf")))
	}
	require.NoError(t, err, name)
	return tok
}

func byID(t testing.TB, vocab map[string]int32) []string {
	t.Helper()
	size := int32(0)
	for _, id := range vocab {
		size = max(size, id+1)
	}
	tokens := make([]string, size)
	for text, id := range vocab {
		tokens[id] = text
	}
	return tokens
}

func mergeLines(data []byte) []string {
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	// Only the version is a comment: 233 merges of Llama 3 begin with #.
	return slices.DeleteFunc(lines, func(s string) bool { return strings.HasPrefix(s, "#version") || s == "" })
}

func llama3Meta(t testing.TB) map[string]any {
	t.Helper()
	var vocab map[string]int32
	loadJSON(t, &vocab, "tokenizers", "llama3", "encoder.json")
	tokens := byID(t, vocab)
	types := slices.Repeat([]int32{typeNormal}, len(tokens))
	for i := range 256 {
		tokens, types = append(tokens, fmt.Sprintf("<|reserved_special_token_%d|>", i)), append(types, typeControl)
	}
	for id, text := range map[int]string{0: "<|begin_of_text|>", 1: "<|end_of_text|>", 6: "<|start_header_id|>", 7: "<|end_header_id|>", 8: "<|eom_id|>", 9: "<|eot_id|>"} {
		tokens[len(vocab)+id] = text
	}
	return map[string]any{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe",
		"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
		"tokenizer.ggml.merges":       mergeLines(load(t, "tokenizers", "llama3", "vocab.bpe")),
		"tokenizer.ggml.bos_token_id": uint32(len(vocab)), "tokenizer.ggml.eos_token_id": uint32(len(vocab) + 9),
	}
}

func qwen2Meta(t testing.TB) map[string]any {
	t.Helper()
	var vocab, added map[string]int32
	loadJSON(t, &vocab, "tokenizers", "qwen2", "vocab.json")
	loadJSON(t, &added, "tokenizers", "qwen2", "added_tokens.json")
	types := slices.Repeat([]int32{typeNormal}, len(vocab))
	for text, id := range added {
		vocab[text] = id
		types = append(types, typeControl)
	}
	return map[string]any{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2",
		"tokenizer.ggml.tokens": byID(t, vocab), "tokenizer.ggml.token_type": types,
		"tokenizer.ggml.merges":       mergeLines(load(t, "tokenizers", "qwen2", "merges.txt")),
		"tokenizer.ggml.eos_token_id": uint32(added["<|im_end|>"]), "tokenizer.ggml.add_bos_token": false,
	}
}

// TestLlamaCpp compares with the tables of llama.cpp's own test of tokenizers.
func TestLlamaCpp(t *testing.T) {
	for _, name := range []string{"gpt-2", "deepseek-llm", "llama-spm", "phi-3", "llama-bpe", "qwen2"} {
		t.Run(name, func(t *testing.T) {
			tok := realVocab(t, name)
			base := "ggml-vocab-" + name + ".gguf"
			inputs := strings.Split(string(load(t, "tokenizers", "gguf-vocab", base+".inp")), "\n__ggml_vocab_test__\n")
			lines := strings.Split(strings.TrimSuffix(string(load(t, "tokenizers", "gguf-vocab", base+".out")), "\n"), "\n")
			inputs = inputs[:len(lines)] // what is behind the last separator is empty
			require.Len(t, inputs, 46)
			for i, in := range inputs {
				want := []int32{}
				for _, s := range strings.Fields(lines[i]) {
					id, err := strconv.Atoi(s)
					require.NoError(t, err)
					want = append(want, int32(id))
				}
				got := tok.Encode(in, EncodeOptions{Bare: true})
				assert.Equal(t, want, got, "%q", in)
				assert.Equal(t, in, tok.Decode(got))
			}
		})
	}
}

// TestHuggingFaceExpected compares with the tokens that swift-transformers
// expects.
func TestHuggingFaceExpected(t *testing.T) {
	for file, name := range map[string]string{"llama_encoded.json": "llama-spm", "llama_3.2_encoded.json": "llama-bpe"} {
		t.Run(file, func(t *testing.T) {
			var want struct {
				Text string  `json:"text"`
				IDs  []int32 `json:"token_ids"`
			}
			loadJSON(t, &want, "tokenizers", "hf-expected", file)
			tok := realVocab(t, name)
			assert.Equal(t, want.IDs, tok.Encode(want.Text, EncodeOptions{}))
			assert.Equal(t, want.Text, tok.Decode(want.IDs))
		})
	}
}
