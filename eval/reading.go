package eval

import (
	"context"
	"fmt"
	"slices"

	"github.com/winnowlm/winnow"
)

// Reading says how a text is read on which a loss is taken: its first part as a
// prompt, after which the cache's policy acts, and the rest in one of two ways.
// The zero value reads half of the text as the prompt, and the rest as if it
// were generated.
type Reading struct {
	Prompt int // tokens of the first part, whose loss is not taken; 0: half of the text

	// Whole reads the rest as one more prompt. It is faster, and nothing is
	// evicted within it, whereas policies that act at each generated token do
	// so when the rest is read token by token.
	Whole bool

	// Progress, if not nil, is called now and then with the tokens read.
	Progress func(done, total int)
}

// piece is how many tokens are read at once with Whole. It bounds the memory
// of their logits, and changes no result.
const piece = 128

// walk reads tokens in each of the sessions, and calls visit for each token of
// the rest with the logits, [len(sessions)][VocabSize], that predicted it.
func walk(ctx context.Context, sessions []*winnow.Session, tokens []int32, o Reading, visit func(target int32, logits [][]float32)) error {
	if o.Prompt == 0 {
		o.Prompt = len(tokens) / 2
	}
	if o.Prompt < 1 || o.Prompt >= len(tokens) {
		return fmt.Errorf("eval: got a text of %d tokens with a prompt of %d, want a prompt of 1 or more, and more text", len(tokens), o.Prompt)
	}
	vocab := sessions[0].Model().Config().VocabSize
	for j, id := range tokens {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("eval: token %d has id %d, want 0 to %d", j, id, vocab-1)
		}
	}
	for _, s := range sessions {
		if other := s.Model().Config().VocabSize; other != vocab {
			return fmt.Errorf("eval: got models of %d and %d tokens, want one vocabulary", vocab, other)
		}
		if err := fits(s, len(tokens)-1); err != nil {
			return err
		}
	}
	w := walker{sessions, make([][]float32, len(sessions))}
	last := len(tokens) - 1 // is predicted and not read
	if err := w.each(func(s *winnow.Session) error {
		return s.Append(ctx, tokens[:o.Prompt], winnow.AppendOptions{})
	}); err != nil {
		return err
	}
	for at := o.Prompt; ; {
		if o.Progress != nil {
			o.Progress(at, last)
		}
		visit(tokens[at], w.row(-1))
		if at == last {
			return nil
		}
		next := tokens[at : at+1]
		err := error(nil)
		if o.Whole {
			next = tokens[at:min(at+piece, last)]
			err = w.each(func(s *winnow.Session) error {
				return s.Append(ctx, next, winnow.AppendOptions{Rest: last - at - len(next), Out: count(len(next))})
			})
		} else {
			err = w.each(func(s *winnow.Session) error { return s.Feed(ctx, next[0]) })
		}
		if err != nil {
			return err
		}
		for j := range len(next) - 1 {
			visit(next[j+1], w.row(j))
		}
		at += len(next)
	}
}

// fits refuses what a cache that drops nothing could not hold, before time is
// spent on it.
func fits(s *winnow.Session, tokens int) error {
	if room := s.Model().Context(); s.Cache().Config().Policy == nil && s.Cache().Rows()+tokens > room {
		return fmt.Errorf("eval: %w: %d rows wanted, %d allowed", winnow.ErrContextFull, s.Cache().Rows()+tokens, room)
	}
	return nil
}

type walker struct {
	sessions []*winnow.Session
	logits   [][]float32
}

func (w *walker) each(do func(*winnow.Session) error) error {
	for _, s := range w.sessions {
		if err := do(s); err != nil {
			return fmt.Errorf("eval: %w", err)
		}
	}
	return nil
}

// row returns row j of each session's logits, -1 for the last.
func (w *walker) row(j int) [][]float32 {
	for i, s := range w.sessions {
		all, vocab := s.Logits(), s.Model().Config().VocabSize
		at := j * vocab
		if j < 0 {
			at = len(all) - vocab
		}
		w.logits[i] = all[at:][:vocab]
	}
	return w.logits
}

// count returns 0, …, n-1.
func count(n int) []int32 {
	return slices.Collect(func(yield func(int32) bool) {
		for j := int32(0); int(j) < n && yield(j); j++ {
		}
	})
}
