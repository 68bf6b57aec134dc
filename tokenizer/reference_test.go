package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// plainScored is SentencePiece's BPE as it is defined: of all neighbours that
// spell a token, merge those of the best score, the leftmost among equals.
func plainScored(tokens []string, scores []float32, byteID func(byte) int32, text string) []int32 {
	ids := map[string]int32{}
	for id, s := range tokens {
		ids[s] = int32(id)
	}
	symbols := strings.Split(text, "")
	for {
		at, best := -1, float32(0)
		for i := range len(symbols) - 1 {
			id, ok := ids[symbols[i]+symbols[i+1]]
			if ok && (at < 0 || scores[id] > best) {
				at, best = i, scores[id]
			}
		}
		if at < 0 {
			break
		}
		symbols[at] += symbols[at+1]
		symbols = slices.Delete(symbols, at+1, at+2)
	}
	out := []int32{}
	for _, s := range symbols {
		if id, ok := ids[s]; ok {
			out = append(out, id)
			continue
		}
		for i := range len(s) {
			out = append(out, byteID(s[i]))
		}
	}
	return out
}

// plainMerges is BPE by a list of merges on texts.
func plainMerges(merges []string, symbols []string) []string {
	rank := map[string]int{}
	for i, m := range merges {
		if _, twice := rank[m]; !twice {
			rank[m] = i
		}
	}
	for {
		at, best := -1, len(merges)
		for i := range len(symbols) - 1 {
			if r, ok := rank[symbols[i]+" "+symbols[i+1]]; ok && r < best {
				at, best = i, r
			}
		}
		if at < 0 {
			return symbols
		}
		symbols[at] += symbols[at+1]
		symbols = slices.Delete(symbols, at+1, at+2)
	}
}

func randomText(r *rand.Rand, alphabet []rune, n int) string {
	s := make([]rune, r.IntN(n))
	for i := range s {
		s[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(s)
}

// scoredMeta is a vocabulary of random texts: control tokens, all bytes, then
// the texts.
func scoredMeta(texts []string, scores []float32) map[string]any {
	tokens := []string{"<unk>", "<s>", "</s>"}
	types := []int32{typeUnknown, typeControl, typeControl}
	for b := range 256 {
		tokens, types = append(tokens, fmt.Sprintf("<0x%02X>", b)), append(types, typeByte)
	}
	all := append(make([]float32, len(tokens)), scores...)
	for range texts {
		types = append(types, typeNormal)
	}
	return map[string]any{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": append(tokens, texts...),
		"tokenizer.ggml.scores": all, "tokenizer.ggml.token_type": types,
	}
}

func distinctTexts(r *rand.Rand, alphabet []rune, count, length int) []string {
	seen := map[string]bool{"": true}
	var texts []string
	for range count {
		if s := randomText(r, alphabet, length); !seen[s] {
			seen[s] = true
			texts = append(texts, s)
		}
	}
	return texts
}

func TestScoredIsPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, alphabet := range []string{"ab▁", "aé▁▁中\n", "a▁bcdefgh.,"} {
		for range 150 {
			// Texts up to 20 characters of 3 bytes also reach beyond pairedText.
			texts := distinctTexts(r, []rune(alphabet), 60, 2+r.IntN(20))
			scores := make([]float32, len(texts))
			for i := range scores {
				scores[i] = float32(r.IntN(8))
			}
			meta := scoredMeta(texts, scores)
			tok, err := FromGGUF(meta)
			require.NoError(t, err)
			for range 20 {
				in := randomText(r, []rune(alphabet), 120)
				want := []int32{}
				if in != "" {
					want = plainScored(meta["tokenizer.ggml.tokens"].([]string), meta["tokenizer.ggml.scores"].([]float32), func(b byte) int32 { return 3 + int32(b) }, lowLine+in)
				}
				require.Equal(t, want, tok.Encode(in, EncodeOptions{Bare: true}), "%q with %q", in, texts)
			}
		}
	}
}

// randomMerges builds a byte-level vocabulary: all bytes, and what random
// merges make.
func randomMerges(r *rand.Rand, alphabet []string, count int) (tokens, merges []string) {
	for _, c := range newByteLevel().char {
		tokens = append(tokens, string(c))
	}
	known := slices.Clone(alphabet)
	for range count {
		left, right := known[r.IntN(len(known))], known[r.IntN(len(known))]
		merges = append(merges, left+" "+right)
		if !slices.Contains(tokens, left+right) {
			tokens, known = append(tokens, left+right), append(known, left+right)
		}
	}
	return tokens, merges
}

func TestMergesArePlain(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		tokens, merges := randomMerges(r, []string{"a", "b", "c", "Ã", "©"}, 40)
		tok, err := FromGGUF(map[string]any{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": merges})
		require.NoError(t, err)
		for range 20 {
			in := randomText(r, []rune("abcé"), 150) // one word: letters only
			symbols := strings.Split(strings.ReplaceAll(in, "é", "Ã©"), "")
			want := []int32{}
			for _, s := range plainMerges(merges, symbols) {
				want = append(want, int32(slices.Index(tokens, s)))
			}
			require.Equal(t, want, tok.Encode(in, EncodeOptions{}), "%q with %q", in, merges)
		}
	}
}

func TestListedCharactersArePlain(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		vocab := map[string]int64{"<unk>": 0}
		known := strings.Split("ab▁.é", "")
		for _, c := range known {
			vocab[c] = int64(len(vocab))
		}
		var merges jsonMerges
		var lines []string
		for range 30 {
			left, right := known[r.IntN(len(known))], known[r.IntN(len(known))]
			if slices.Contains(lines, left+" "+right) {
				continue
			}
			merges, lines = append(merges, [2]string{left, right}), append(lines, left+" "+right)
			if _, ok := vocab[left+right]; !ok {
				vocab[left+right] = int64(len(vocab))
				known = append(known, left+right)
			}
		}
		tok, err := FromJSON(tokenizerJSON(t, vocab, merges, map[string]any{
			"normalizer": map[string]any{"type": "Replace", "pattern": map[string]any{"String": " "}, "content": "▁"},
		}, map[string]any{"unk_token": "<unk>", "fuse_unk": true}), nil)
		require.NoError(t, err)
		for range 20 {
			in := randomText(r, []rune("ab .éX"), 120)
			want := []int32{}
			for _, s := range plainMerges(lines, strings.Split(strings.ReplaceAll(in, " ", "▁"), "")) {
				id := int32(vocab[s]) // X is not there, which is 0, <unk>
				if id != 0 || len(want) == 0 || want[len(want)-1] != 0 {
					want = append(want, id)
				}
			}
			require.Equal(t, want, tok.Encode(in, EncodeOptions{}), "%q with %q", in, lines)
		}
	}
}

func TestJointsCoverEveryToken(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	texts := distinctTexts(r, []rune("abcdé▁中.\n"), 200, 9)
	j := newJoints(len(texts))
	for _, s := range texts {
		j.addText(s)
	}
	for _, s := range texts {
		require.Equal(t, len(s), j.cut(s), "%q", s)
	}
	empty := newJoints(0)
	require.Equal(t, 1, empty.cut("ab"))
}

func TestReplaceInvalid(t *testing.T) {
	// The second column is what Rust's String::from_utf8_lossy gives.
	for in, want := range map[string]string{
		"a\xe2\x82b": "a\ufffdb", "\xf0\x9f\x98": "\ufffd", "\xff\xfe": "\ufffd\ufffd", "\xe2\x82\xac": "€", "\xed\xa0\x80": "\ufffd\ufffd\ufffd", "\xc0\x80": "\ufffd\ufffd",
	} {
		require.Equal(t, want, replaceInvalid(in), "%q", in)
		require.True(t, utf8.ValidString(replaceInvalid(in)))
	}
}
