package tokenizer

import (
	"strings"
	"testing"
)

// BenchmarkEncode measures a whole novel on one core.
func BenchmarkEncode(b *testing.B) {
	for _, name := range []string{"llama-spm", "stories260K", "phi-3-json", "gpt-2", "llama-bpe", "qwen2", "deepseek-llm"} {
		for _, file := range []string{"frankenstein.txt", "novels/Dickens_Bleak_1853.txt"} {
			b.Run(name+"/"+file[strings.LastIndexByte(file, '/')+1:], func(b *testing.B) {
				tok := realVocab(b, name)
				text := string(load(b, "corpora", file))
				var ids []int32
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					ids = tok.AppendEncode(ids[:0], text, EncodeOptions{Special: true})
				}
			})
		}
	}
}

// BenchmarkDecode measures the way back.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"llama-spm", "llama-bpe"} {
		b.Run(name, func(b *testing.B) {
			tok := realVocab(b, name)
			text := string(load(b, "corpora", "frankenstein.txt"))
			ids := tok.Encode(text, EncodeOptions{})
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Decode(ids)
			}
		})
	}
}

// BenchmarkLongWord measures text that nothing cuts.
func BenchmarkLongWord(b *testing.B) {
	for _, name := range []string{"llama-spm", "llama-bpe"} {
		for kind, unit := range map[string]string{"a": "a", "space": " ", "Han": "中文字漢"} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				tok := realVocab(b, name)
				text := strings.Repeat(unit, 1<<20/len(unit))
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					tok.Encode(text, EncodeOptions{})
				}
			})
		}
	}
}

// BenchmarkLoad measures building a tokenizer.
func BenchmarkLoad(b *testing.B) {
	meta := llama3Meta(b)
	for b.Loop() {
		if _, err := FromGGUF(meta); err != nil {
			b.Fatal(err)
		}
	}
}
