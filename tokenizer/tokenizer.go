// Package tokenizer turns text into the token ids of a model and back.
//
// It holds SentencePiece-style BPE with scores and byte fallback (GGUF's
// "llama") and byte-level BPE (GGUF's "gpt2"), read from the metadata of a GGUF
// file, where the results are those of llama.cpp, or from a Hugging Face
// tokenizer.json, where they are those of the tokenizers library.
package tokenizer

import (
	"errors"
	"fmt"
	"sync"
)

// Errors that a caller may want to tell apart; the errors returned wrap them
// and name the key and what was found.
var (
	ErrModel        = errors.New("unknown tokenizer model")
	ErrPreTokenizer = errors.New("unknown pre-tokenizer")
	ErrUnsupported  = errors.New("unsupported tokenizer component")
)

// Tokenizer is immutable and safe for concurrent use.
type Tokenizer struct {
	model, pre, template string

	tokens   []token
	bos, eos int32
	eog      map[int32]bool

	bpe           bpe
	reader        reader
	before, after []int32 // what Encode puts around a text unless it is Bare
	dropSpace     bool    // Decode drops the space that Encode put first
	pool          sync.Pool
}

type token struct {
	text   string // what the token contributes to a text
	hidden bool   // Decode leaves it out
}

// A reader takes a text apart into special tokens and words, and adds their
// tokens to dst.
type reader interface {
	read(dst []int32, w *workspace, text string, special bool) []int32
}

// EncodeOptions says how a text is read. The zero value is for text from
// outside: special tokens written in it stay text, and the model's BOS and EOS
// are added as the file says.
type EncodeOptions struct {
	Special bool // special (control) tokens that are written in the text are those tokens
	Bare    bool // neither BOS nor EOS
}

func newTokenizer() *Tokenizer {
	t := &Tokenizer{bos: noToken, eos: noToken, eog: map[int32]bool{}}
	t.pool.New = func() any { return newWorkspace() }
	return t
}

// maxText keeps places in a word within 32 bits, even where a space becomes the
// three bytes of a ▁.
const maxText = 512 << 20

// Encode returns the tokens of a text. In text that is not valid UTF-8, a
// stray byte is U+FFFD to byte-level BPE and itself to SentencePiece from a
// GGUF file. The text may not be
// longer than 512 MiB.
func (t *Tokenizer) Encode(text string, o EncodeOptions) []int32 {
	return t.AppendEncode(make([]int32, 0, len(text)/4+len(t.before)+len(t.after)+1), text, o)
}

// AppendEncode adds what Encode returns to dst.
func (t *Tokenizer) AppendEncode(dst []int32, text string, o EncodeOptions) []int32 {
	if len(text) > maxText {
		panic(fmt.Sprintf("tokenizer: bytes of text: got %d, want at most %d", len(text), maxText))
	}
	if !o.Bare {
		dst = append(dst, t.before...)
	}
	if text != "" {
		w := t.pool.Get().(*workspace)
		dst = t.reader.read(dst, w, text, o.Special)
		t.pool.Put(w)
	}
	if !o.Bare {
		dst = append(dst, t.after...)
	}
	return dst
}

// VocabSize is the number of ids: they are 0 up to it, without it.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// Text returns the bytes that a token stands for, which need not be whole
// characters; of a special token how it is written, although Decode leaves it
// out; of an id that does not exist nothing.
func (t *Tokenizer) Text(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id].text
}

// BOS returns the token that begins a sequence, -1 when there is none.
func (t *Tokenizer) BOS() int32 { return t.bos }

// EOS returns the token that ends a sequence, -1 when there is none.
func (t *Tokenizer) EOS() int32 { return t.eos }

// IsEOG reports whether generation ends with a token: the end of the sequence,
// of a turn or of a message, as the file names them or as their texts are known.
func (t *Tokenizer) IsEOG(id int32) bool { return t.eog[id] }

// Model returns "llama" for SentencePiece-style BPE and "gpt2" for byte-level
// BPE, GGUF's names, whatever file it came from.
func (t *Tokenizer) Model() string { return t.model }

// Pre returns the name of the pre-tokenizer: as the GGUF file has it, or
// llama.cpp's name for the one in a tokenizer.json; empty where there is none.
func (t *Tokenizer) Pre() string { return t.pre }

// ChatTemplate returns the file's chat template, not rendered; empty when it
// has none.
func (t *Tokenizer) ChatTemplate() string { return t.template }
