package tokenizer

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
)

var realNames = []string{"llama-spm", "phi-3", "stories260K", "phi-3-json", "gpt-2", "llama-bpe", "qwen2", "deepseek-llm"}

func TestDecodeUndoesEncode(t *testing.T) {
	for _, name := range realNames {
		t.Run(name, func(t *testing.T) {
			tok := realVocab(t, name)
			for _, file := range refdata.Glob(t, refdata.Data(t, "corpora", "*.txt")) {
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				text := strings.ToValidUTF8(string(data[:min(len(data), 200_000)]), "")
				checkRoundTrip(t, tok, text)
			}
			r := rand.New(rand.NewPCG(11, 12))
			for range 300 {
				checkRoundTrip(t, tok, randomUTF8(r, 80))
			}
		})
	}
}

// randomUTF8 has characters of every length, but no ▁, which SentencePiece
// cannot tell from a space.
func randomUTF8(r *rand.Rand, n int) string {
	var b strings.Builder
	for range r.IntN(n) {
		c := rune(r.IntN(1 << (1 + r.IntN(20))))
		if r.IntN(3) == 0 {
			c = ' '
		}
		if utf8.ValidRune(c) && c != '▁' {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func checkRoundTrip(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	ids := tok.Encode(text, EncodeOptions{Bare: true})
	require.Equal(t, text, tok.Decode(ids))
	d := tok.Decoder()
	var b strings.Builder
	for _, id := range ids {
		piece := d.Next(id)
		require.True(t, utf8.ValidString(piece))
		b.WriteString(piece)
	}
	b.WriteString(d.Flush())
	require.Equal(t, text, b.String())
}

// TestDecodeAnyIDs streams ids that no text encodes to.
func TestDecodeAnyIDs(t *testing.T) {
	for _, name := range []string{"llama-spm", "gpt-2"} {
		tok := realVocab(t, name)
		r := rand.New(rand.NewPCG(13, 14))
		for range 200 {
			ids := make([]int32, r.IntN(40))
			for i := range ids {
				ids[i] = int32(r.IntN(300)) - 5
			}
			d := tok.Decoder()
			var b strings.Builder
			for _, id := range ids {
				piece := d.Next(id)
				require.True(t, utf8.ValidString(piece))
				b.WriteString(piece)
			}
			b.WriteString(d.Flush())
			require.Equal(t, tok.Decode(ids), b.String(), "%v", ids)
		}
	}
}

// TestStories compares with the ids that llama2.c's run.c fed to the model.
func TestStories(t *testing.T) {
	var want struct {
		Prompt     string
		Text       string
		Tokens     []int32
		Perplexity struct {
			Text string
			IDs  []int32
		}
	}
	loadJSON(t, &want, "models", "stories260K.expected.json")
	tok := realVocab(t, "stories260K")
	prompt := tok.Encode(want.Prompt, EncodeOptions{})
	assert.Equal(t, want.Tokens[:len(prompt)], prompt)
	assert.Equal(t, strings.TrimSuffix(want.Text, ".\n"), tok.Decode(want.Tokens), "the last token was not fed")
	text := string(load(t, "corpora", "tinystories_sample.txt"))
	assert.Equal(t, want.Perplexity.IDs, tok.Encode(text, EncodeOptions{Bare: true}))
}

// TestRealFiles checks what the real files say beside their vocabulary.
func TestRealFiles(t *testing.T) {
	for name, want := range map[string]struct {
		model, pre, bos, eos string
		size                 int
		addsBOS              bool
	}{
		"llama-spm":    {"llama", "", "<s>", "</s>", 32000, true},
		"gpt-2":        {"gpt2", "gpt-2", "<|endoftext|>", "<|endoftext|>", 50257, false},
		"deepseek-llm": {"gpt2", "deepseek-llm", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", 102400, true},
		"llama-bpe":    {"gpt2", "llama-bpe", "<|begin_of_text|>", "<|eot_id|>", 128256, true},
		"qwen2":        {"gpt2", "qwen2", "", "<|im_end|>", 151646, false},
	} {
		tok := realVocab(t, name)
		assert.Equal(t, want.model, tok.Model(), name)
		assert.Equal(t, want.pre, tok.Pre(), name)
		assert.Equal(t, want.size, tok.VocabSize(), name)
		assert.Equal(t, want.bos, tok.Text(tok.BOS()), name)
		assert.Equal(t, want.eos, tok.Text(tok.EOS()), name)
		assert.True(t, tok.IsEOG(tok.EOS()), name)
		assert.Equal(t, want.addsBOS, len(tok.Encode("", EncodeOptions{})) == 1, name)
	}
}
