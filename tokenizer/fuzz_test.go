package tokenizer

import (
	"encoding/binary"
	"math"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}`), "abab")
	f.Add([]byte(`{"added_tokens": [{"id": 3, "content": "<x>", "special": true, "lstrip": true}], "normalizer": {"type": "NFC"},
		"pre_tokenizer": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"}, "model": {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}}`), "a <x>b")
	f.Add([]byte(`{"pre_tokenizer": {"type": "Metaspace", "replacement": "▁"}, "model": {"vocab": {"▁": 0, "<unk>": 1}, "merges": [], "unk_token": "<unk>"}}`), " x ")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := FromJSON(data, nil)
		if err != nil {
			require.Nil(t, tok)
			return
		}
		exercise(t, tok, text)
	})
}

func exercise(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	for _, o := range []EncodeOptions{{}, {Special: true}, {Bare: true}} {
		ids := tok.Encode(text, o)
		require.Equal(t, ids, tok.Encode(text, o), "with and without the cache")
		for _, id := range ids {
			require.True(t, id >= 0 && int(id) < tok.VocabSize())
		}
		require.True(t, utf8.ValidString(tok.Decode(ids)))
	}
}

// metaFromBytes reads a tokenizer's metadata off a fuzzer's bytes: lines are
// tokens, of which the first bytes are the type and the score.
func metaFromBytes(data []byte) map[string]any {
	if len(data) < 4 {
		return nil
	}
	flags := data[0]
	m := map[string]any{"tokenizer.ggml.model": []string{"llama", "gpt2", "bert"}[flags%3]}
	pres := []any{"llama-bpe", "qwen2", "smollm", "deepseek-llm", "default", "none", nil, 3}
	if pre := pres[data[1]%8]; pre != nil {
		m["tokenizer.ggml.pre"] = pre
	}
	if flags&4 != 0 {
		m["tokenizer.ggml.add_space_prefix"] = flags&8 != 0
	}
	if flags&16 != 0 {
		m["tokenizer.ggml.bos_token_id"] = uint32(data[2])
		m["tokenizer.ggml.add_eos_token"] = flags&32 != 0
	}
	var tokens, merges []string
	var types []int32
	var scores []float32
	for line := range strings.SplitSeq(string(data[3:]), "\n") {
		if len(line) < 3 {
			merges = append(merges, line)
			continue
		}
		types = append(types, int32(line[0]%8))
		scores = append(scores, math.Float32frombits(uint32(binary.LittleEndian.Uint16([]byte(line[1:3])))<<16))
		tokens = append(tokens, line[3:])
		if strings.Contains(line[3:], " ") {
			merges = append(merges, line[3:])
		}
	}
	m["tokenizer.ggml.tokens"], m["tokenizer.ggml.merges"] = tokens, merges
	if flags&64 != 0 {
		m["tokenizer.ggml.token_type"], m["tokenizer.ggml.scores"] = types, scores
	}
	return m
}

func FuzzFromGGUF(f *testing.F) {
	f.Add([]byte("\x00\x00\x001aaa\n1bbb\n1ccab\n1cc▁a\n3cc<s>\n6cc<0x41>"), "ab a<s>A")
	f.Add([]byte("\x41\x02\x001aaa\n1bbb\n1ccab\n1cca b\n4ccĠ\na b"), "ab 12")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := FromGGUF(metaFromBytes(data))
		if err != nil {
			require.Nil(t, tok)
			return
		}
		exercise(t, tok, text)
	})
}

func FuzzEncodeDecode(f *testing.F) {
	f.Add("abc ab  中国é\n<usr>")
	f.Add(" a\xffb\xe2\x82")
	build := sync.OnceValues(func() (*Tokenizer, *Tokenizer) {
		scored, err := FromGGUF(oddScored())
		if err != nil {
			panic(err)
		}
		meta := oddByteLevel()
		meta["tokenizer.ggml.tokens"] = append(meta["tokenizer.ggml.tokens"].([]string), "q", "z")
		meta["tokenizer.ggml.token_type"] = append(meta["tokenizer.ggml.token_type"].([]int32), typeNormal, typeNormal)
		bytes, err := FromGGUF(meta)
		if err != nil {
			panic(err)
		}
		return scored, bytes
	})
	f.Fuzz(func(t *testing.T, text string) {
		scored, bytes := build()
		exercise(t, scored, text)
		exercise(t, bytes, text)
		want := string([]rune(text))
		// zz merges to a text that no token has, as in llama.cpp.
		if !strings.Contains(text, "zz") && !strings.Contains(text, "qz") {
			require.Equal(t, want, bytes.Decode(bytes.Encode(text, EncodeOptions{Bare: true})))
		}
		if utf8.ValidString(text) && !strings.ContainsAny(text, "▁<") {
			require.Equal(t, text, scored.Decode(scored.Encode(text, EncodeOptions{Bare: true})))
		}
	})
}
