package winnow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
)

// AppendOptions belong to Append. The zero value is a whole prompt, of which
// the last token's logits matter.
type AppendOptions struct {
	Rest int     // tokens of the same prompt that later calls will bring; policies act when none are left
	Out  []int32 // indexes into tokens whose logits Logits returns, ascending; nil: the last alone

	// Embed, [negative tokens][HiddenSize], is read where a token is Embedded,
	// such as what an encoder made of an image's patches.
	Embed []float32
	// Kind, [len(tokens)], is for policies that treat kinds of tokens
	// differently, 0 being text; nil: all text. The kinds stay with the rows.
	Kind []uint8

	// Progress, if not nil, is called now and then with the work done.
	Progress func(done, total int)
}

// Embedded stands for a token that is not of the vocabulary.
const Embedded int32 = -1

// ahead returns the options for a prompt that n tokens were put before.
func (o AppendOptions) ahead(n int) AppendOptions {
	if n == 0 {
		return o
	}
	if o.Out != nil {
		o.Out = slices.Clone(o.Out)
		for j := range o.Out {
			o.Out[j] += int32(n)
		}
	}
	if o.Kind != nil {
		o.Kind = slices.Concat(make([]uint8, n), o.Kind)
	}
	return o
}

// Append reads tokens as a prompt. How a prompt is cut into calls does not
// change the result. If ctx ends the session is as it was before the call.
func (s *Session) Append(ctx context.Context, tokens []int32, o AppendOptions) error {
	if o.Kind != nil && len(o.Kind) != len(tokens) {
		return fmt.Errorf("winnow: Append: got %d kinds, want one for each of %d tokens", len(o.Kind), len(tokens))
	}
	if len(tokens) > 0 && slices.Min(tokens) < Embedded {
		return fmt.Errorf("winnow: Append: got token %d, want an id or Embedded", slices.Min(tokens))
	}
	o = o.ahead(len(s.tokens) - s.read)
	tokens = slices.Concat(s.tokens[s.read:], tokens)
	if len(tokens) == 0 {
		return ErrNoPrompt
	}
	if err := s.room(len(tokens)); err != nil {
		return err
	}
	start := time.Now()
	var before *kvcache.Cache
	if ctx.Done() != nil {
		before = s.cache.Fork()
	}
	s.scratch.Progress = o.Progress
	s.seq[0].Out, s.seq[0].Embed = o.Out, o.Embed
	err := s.forward(ctx, tokens, kvcache.Step{Prompt: true, Rest: o.Rest, Kind: o.Kind})
	s.seq[0].Out, s.seq[0].Embed = nil, nil
	s.scratch.Progress = nil
	if err == nil && o.Rest == 0 {
		err = s.rehearse(ctx, tokens)
	}
	if err != nil {
		if before != nil {
			s.cache = before
		}
		return err
	}
	s.tokens = append(s.tokens[:s.read], tokens...)
	s.read, s.rest = len(s.tokens), o.Rest
	s.stats.PromptTokens += len(tokens)
	s.stats.PromptTime += time.Since(start)
	return nil
}

// Feed reads a token of the caller's choosing as if the session had generated
// it: to a policy it is no prompt. Logits then returns the logits of the token
// after it. If ctx has ended the session is as it was before the call.
func (s *Session) Feed(ctx context.Context, id int32) error {
	if err := s.finished(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("winnow: %w", err)
	}
	whole := context.WithoutCancel(ctx) // a single token's pass is not interrupted
	if s.read < len(s.tokens) {
		if err := s.decode(whole); err != nil {
			return err
		}
	}
	s.tokens = append(s.tokens, id)
	if err := s.decode(whole); err != nil {
		s.tokens = s.tokens[:s.read]
		return err
	}
	return nil
}

// decode reads the one token that was generated last. ctx must not end: the
// cache could not be put back.
func (s *Session) decode(ctx context.Context) error {
	if err := s.room(1); err != nil {
		return err
	}
	start := time.Now()
	if err := s.forward(ctx, s.tokens[s.read:s.read+1], kvcache.Step{}); err != nil {
		return err
	}
	s.read++
	s.stats.GeneratedTokens++
	s.stats.DecodeTime += time.Since(start)
	return nil
}

func (s *Session) forward(ctx context.Context, tokens []int32, step kvcache.Step) error {
	s.pos = s.pos[:0]
	for j := range tokens {
		s.pos = append(s.pos, int32(s.read+j))
	}
	step.Pos = s.pos
	s.cache.Begin(step)
	q := &s.seq[0]
	q.Tokens, q.Pos, q.KV = tokens, s.pos, s.cache
	return s.run(ctx, s.seq[:])
}

// run runs the model, unless it was closed.
func (s *Session) run(ctx context.Context, seqs []model.Seq) error {
	s.m.running.RLock()
	defer s.m.running.RUnlock()
	if s.m.closed {
		return ErrClosed
	}
	if err := s.m.model.Forward(ctx, seqs, &s.scratch); err != nil {
		return fmt.Errorf("winnow: %w", err)
	}
	return nil
}
