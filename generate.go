package winnow

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/winnowlm/winnow/sample"
	"github.com/winnowlm/winnow/tokenizer"
)

// Token is a step of generated text.
type Token struct {
	ID   int32  // -1 when the text ends with what was held back and no further token
	Text string // what is certain now: it never splits a character, and may be empty
}

// GenerateOptions say how text is generated. The zero value is greedy and ends
// where the model does.
type GenerateOptions struct {
	MaxTokens int            // 0: until the model ends or the context is full
	Stop      []string       // texts before which generation ends
	Sample    sample.Options // how tokens are chosen; the zero value is greedy
	Special   bool           // special tokens written in the prompt are read as such
	IgnoreEnd bool           // goes on where the model would end, as benchmarks do

	// Progress, if not nil, is called while the prompt is read.
	Progress func(done, total int)
}

// Generate reads prompt, as a continuation of what the session has read and
// written so far, and yields tokens until the model ends, a stop text comes,
// the limit is reached, the caller stops, or an error is yielded last: that of
// ctx, or ErrContextFull. The session can go on after any of these.
func (s *Session) Generate(ctx context.Context, prompt string, o GenerateOptions) iter.Seq2[Token, error] {
	if s.m.tokenizer == nil {
		return func(yield func(Token, error) bool) { yield(Token{ID: -1}, ErrNoTokenizer) }
	}
	ids := s.m.tokenizer.Encode(prompt, tokenizer.EncodeOptions{Special: o.Special, Bare: len(s.tokens) > 0})
	return s.GenerateTokens(ctx, ids, o)
}

// GenerateTokens is Generate for a prompt of token ids, which may be empty when
// the session has read something before.
func (s *Session) GenerateTokens(ctx context.Context, prompt []int32, o GenerateOptions) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		if err := s.generate(ctx, prompt, o, func(t Token) bool { return yield(t, nil) }); err != nil {
			yield(Token{ID: -1}, err)
		}
	}
}

func (s *Session) generate(ctx context.Context, prompt []int32, o GenerateOptions, yield func(Token) bool) error {
	smp, err := sample.New(o.Sample)
	if err != nil {
		return fmt.Errorf("winnow: %w", err)
	}
	if len(prompt) > 0 {
		if err := s.Append(ctx, prompt, AppendOptions{Progress: o.Progress}); err != nil {
			return err
		}
	} else if s.read == len(s.tokens) && s.Logits() == nil {
		return ErrNoPrompt
	}
	if err := s.finished(); err != nil {
		return err
	}
	smp.Accept(s.ids()...)
	whole := context.WithoutCancel(ctx) // a single token's pass is not interrupted
	out := newStopper(s.m.tokenizer, s.tokens, o.Stop)
	for n := 0; o.MaxTokens == 0 || n < o.MaxTokens; n++ {
		var id int32
		if id, err = s.next(ctx, whole, smp); err != nil || !o.IgnoreEnd && s.m.ends(id) {
			break
		}
		text, stopped := out.next(id)
		if !yield(Token{id, text}) || stopped {
			return nil
		}
	}
	if text := out.flush(); text != "" && !yield(Token{-1, text}) {
		return nil
	}
	return err
}

// ids returns the tokens of the sequence that are of the vocabulary.
func (s *Session) ids() []int32 {
	if !slices.Contains(s.tokens, Embedded) {
		return s.tokens
	}
	return slices.DeleteFunc(slices.Clone(s.tokens), func(id int32) bool { return id == Embedded })
}

// next generates a token, which the model is to read before the one after it.
func (s *Session) next(ctx, whole context.Context, smp *sample.Sampler) (int32, error) {
	if s.read < len(s.tokens) {
		if err := s.decode(whole); err != nil {
			return 0, err
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("winnow: %w", err)
	}
	id, err := smp.Next(s.lastLogits())
	if err != nil {
		return 0, fmt.Errorf("winnow: %w", err)
	}
	smp.Accept(id)
	s.tokens = append(s.tokens, id)
	return id, nil
}

// ends reports whether id ends the text.
func (m *Model) ends(id int32) bool { return m.tokenizer != nil && m.tokenizer.IsEOG(id) }

// lastLogits returns the last row of logits.
func (s *Session) lastLogits() []float32 {
	all := s.Logits()
	return all[len(all)-s.m.Config().VocabSize:]
}

// stopper turns tokens into text and watches for stop texts. What may be the
// beginning of one is held back.
type stopper struct {
	decoder *tokenizer.Decoder // nil: no text
	stop    []string
	held    string
}

// enough is how many tokens a decoder must have seen to know where it is.
const enough = 8

func newStopper(t *tokenizer.Tokenizer, before []int32, stop []string) *stopper {
	w := &stopper{}
	if t != nil {
		w.decoder = t.Decoder()
		for _, id := range before[max(0, len(before)-enough):] {
			w.decoder.Next(id)
		}
	}
	for _, text := range stop {
		if text != "" {
			w.stop = append(w.stop, text)
		}
	}
	return w
}

// next returns the text that token id makes certain, and whether a stop text
// ended it.
func (w *stopper) next(id int32) (text string, stopped bool) {
	if w.decoder == nil {
		return "", false
	}
	return w.release(w.held+w.decoder.Next(id), false)
}

// flush returns what is still held back.
func (w *stopper) flush() string {
	if w.decoder == nil {
		return ""
	}
	text, _ := w.release(w.held+w.decoder.Flush(), true)
	return text
}

func (w *stopper) release(text string, all bool) (string, bool) {
	first := -1
	for _, stop := range w.stop {
		if i := strings.Index(text, stop); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		w.held = ""
		return text[:first], true
	}
	keep := len(text)
	for _, stop := range w.stop {
		for n := min(len(stop)-1, len(text)); n > 0 && !all; n-- {
			if strings.HasSuffix(text, stop[:n]) {
				keep = min(keep, len(text)-n)
				break
			}
		}
	}
	w.held = text[keep:]
	return text[:keep], false
}
