package tokenizer

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
)

// policy is what this package decides where expect.json leaves it open: true
// accepts the file.
var policy = map[string]bool{
	"gguf/v_bos_max.gguf":           true,  // all ones is none
	"gguf/v_bpe_merge_unknown.gguf": true,  // as in llama.cpp, such a merge leads to no token
	"gguf/v_bpe_no_merges.gguf":     false, // as in llama.cpp; an empty list would do
	"gguf/v_bpe_pre_unknown.gguf":   false, // ErrPreTokenizer
	"gguf/v_byte_token_0x-1.gguf":   false, // written as a byte, names none
	"gguf/v_byte_token_0xZZ.gguf":   false,
	"gguf/v_dup_tokens.gguf":        false, // llama.cpp aborts: a text has one id
	"gguf/v_empty_token.gguf":       true,  // named [EMPTY_id], as in llama.cpp
	"gguf/v_no_byte_tokens.gguf":    true,  // what nothing spells is the unknown token
	"gguf/v_scores_nan.gguf":        false, // no order of merges
	"gguf/v_token_1MB.gguf":         true,
	"gguf/v_token_not_utf8.gguf":    true,  // it matches no text that is UTF-8
	"gguf/v_tokens_fewer.gguf":      false, // there are more types than tokens
	"gguf/v_types_99.gguf":          true,  // as in llama.cpp, renders as nothing

	"tokenizer/byte_fallback_no_bytes.json": true,  // as in Hugging Face, what nothing spells is dropped
	"tokenizer/merge_three.json":            false, // as in Hugging Face
	"tokenizer/regex_redos.json":            false, // no scanner has this pattern
	"tokenizer/replace_empty.json":          false, // ErrUnsupported
	"tokenizer/vocab_id_dup.json":           false, // an id has one text
}

func TestHostile(t *testing.T) {
	var expect struct {
		Files []struct{ File, Expect, Why string }
	}
	loadJSON(t, &expect, "hostile", "expect.json")
	cases := 0
	for _, f := range expect.Files {
		if filepath.Dir(f.File) != "tokenizer" && !strings.HasPrefix(f.File, "gguf/v_") {
			continue
		}
		cases++
		t.Run(f.File, func(t *testing.T) {
			want := f.Expect == "accept"
			if f.Expect == "policy" {
				decided, ok := policy[f.File]
				require.True(t, ok, "undecided: %s", f.Why)
				want = decided
			}
			build, size := hostileBuild(t, f.File)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			tok, err := build()
			if !want {
				require.Error(t, err, f.Why)
				assert.Nil(t, tok)
			} else {
				require.NoError(t, err, f.Why)
				for _, s := range []string{"", "ab", "中 é\x00\xff", strings.Repeat("a", 40) + "b", strings.Repeat("the quick ", 1000)} {
					for _, o := range []EncodeOptions{{}, {Special: true}, {Bare: true}} {
						ids := tok.Encode(s, o)
						for _, id := range ids {
							require.Less(t, int(id), tok.VocabSize())
							require.GreaterOrEqual(t, id, int32(0))
						}
						tok.Decode(ids)
					}
				}
			}
			runtime.ReadMemStats(&after)
			assert.Less(t, time.Since(start), 20*time.Second)
			// A megabyte and more is the cache, the same for every file.
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20+100*size))
		})
	}
	require.Greater(t, cases, 30)
}

func hostileBuild(t *testing.T, file string) (build func() (*Tokenizer, error), size int) {
	t.Helper()
	data := load(t, "hostile", filepath.FromSlash(file))
	if strings.HasSuffix(file, ".json") {
		return func() (*Tokenizer, error) { return FromJSON(data, nil) }, len(data)
	}
	meta := readMeta(t, refdata.Data(t, "hostile", filepath.FromSlash(file)))
	return func() (*Tokenizer, error) { return FromGGUF(meta) }, len(data)
}

// TestNotQuadratic encodes text that nothing cuts; at twice the length it may
// not take four times as long. The times are of the least of some runs.
func TestNotQuadratic(t *testing.T) {
	scored, err := FromGGUF(scoredMeta([]string{"a", "b", "aa", "aaaa", "aaaaaaaa", "▁", "▁▁", "▁▁▁▁", "ab"}, []float32{-1, -1, -2, -3, -4, -5, -6, -7, -8}))
	require.NoError(t, err)
	meta := oddByteLevel()
	meta["tokenizer.ggml.merges"] = append(meta["tokenizer.ggml.merges"].([]string), "a a", "ĠĠ ĠĠ")
	bytes, err := FromGGUF(meta)
	require.NoError(t, err)
	for _, tok := range []*Tokenizer{scored, bytes} {
		for _, unit := range []string{"a", " ", "ab", "<ctl", "<|im_end|>"} {
			took := func(n int) time.Duration {
				text := strings.Repeat(unit, n/len(unit))
				least := time.Hour
				for range 4 {
					start := time.Now()
					tok.Encode(text, EncodeOptions{Special: true})
					least = min(least, time.Since(start))
				}
				return least
			}
			// Quadratic would be 64 times as long.
			short, long := took(1<<15), took(1<<18)
			assert.Less(t, long, 40*short+50*time.Millisecond, "%q on %s", unit, tok.Model())
		}
	}
}
