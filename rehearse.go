package winnow

import (
	"context"
	"slices"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/tokenizer"
)

// rehearse has what was read since the last rehearsal, and tokens after it,
// read again if the cache's policy wants that (kvcache.Rehearser).
func (s *Session) rehearse(ctx context.Context, tokens []int32) error {
	if _, ok := s.cache.Config().Policy.(kvcache.Rehearser); !ok {
		return nil
	}
	all := slices.Concat(s.tokens[s.rehearsed:s.read], tokens)
	err := s.cache.Rehearse(all, int32(s.rehearsed), s.lead, func(f *kvcache.Cache, said []int32, step kvcache.Step) error {
		// What was no token cannot be said again.
		said = slices.DeleteFunc(said, func(id int32) bool { return id == Embedded })
		if len(said) == 0 {
			return nil
		}
		step.Pos = step.Pos[:len(said)]
		f.Begin(step)
		return s.run(ctx, []model.Seq{{Tokens: said, Pos: step.Pos, KV: f, Out: []int32{}}})
	})
	if err != nil {
		return err
	}
	s.rehearsed = s.read + len(tokens)
	return nil
}

// echo is how many tokens before a chunk its request quotes.
const echo = 8

// lead returns the request to repeat what follows the tokens before, in the
// words of kvpress; nothing without a tokenizer.
func (s *Session) lead(before []int32) []int32 {
	t := s.m.tokenizer
	switch {
	case t == nil:
		return nil
	case len(before) == 0:
		return t.Encode("\n\nRepeat the previous context exactly.", tokenizer.EncodeOptions{Bare: true})
	}
	request := t.Encode("\n\nRepeat the part of the previous context exactly, starting with ", tokenizer.EncodeOptions{Bare: true})
	return append(request, before[max(0, len(before)-echo):]...)
}
