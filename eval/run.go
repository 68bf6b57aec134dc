package eval

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/winnowlm/winnow"
)

// Result is how a sample was answered, and at what cost.
type Result struct {
	Sample Sample
	Text   string  // what was generated, until it held all answers
	Score  float64 // 0 to 1

	Prompt     int // tokens
	Generated  int
	PromptTime time.Duration
	DecodeTime time.Duration
	Rows       int   // of the longest head after the prompt
	Bytes      int64 // of the cache then
	Peak       int64 // the most that they have been; 0: not known
}

// Run has a question answered after another, each in a session of its own,
// greedily. Generation ends early when all answers are there: more text would
// not change the score. An error is yielded last.
//
// Samples that follow each other and have their first of two prompts in common
// read it once, and each goes on from a fork.
func Run(ctx context.Context, setup Setup, samples []Sample, p Position) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		r := runner{setup: setup, position: p}
		for _, s := range samples {
			res, err := r.answer(ctx, s)
			if !yield(res, err) || err != nil {
				return
			}
		}
	}
}

// AB is Run under two configurations by turns, so that neither has the better
// part of a machine's time. It yields what both made of each sample.
func AB(ctx context.Context, a, b Setup, samples []Sample, p Position) iter.Seq2[[2]Result, error] {
	return func(yield func([2]Result, error) bool) {
		runners := [2]runner{{setup: a, position: p}, {setup: b, position: p}}
		for _, s := range samples {
			var pair [2]Result
			var err error
			for i := range runners {
				if pair[i], err = runners[i].answer(ctx, s); err != nil {
					break
				}
			}
			if !yield(pair, err) || err != nil {
				return
			}
		}
	}
}

type runner struct {
	setup    Setup
	position Position
	first    string          // of two prompts
	read     *winnow.Session // that has read it
}

func (r *runner) answer(ctx context.Context, sample Sample) (Result, error) {
	res := Result{Sample: sample}
	s, question, err := r.begin(ctx, &res)
	if err != nil {
		return res, err
	}
	err = res.finish(ctx, s, question)
	return res, err
}

// finish has s read the last prompt, or the rest of it, and answer.
func (r *Result) finish(ctx context.Context, s *winnow.Session, prompt []int32) error {
	if err := s.Append(ctx, prompt, winnow.AppendOptions{}); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	r.PromptTime += s.Stats().PromptTime
	r.Rows, r.Bytes, r.Peak = s.Cache().Rows(), s.Cache().Bytes(), max(r.Peak, s.Cache().Peak())
	for token, err := range s.Generate(ctx, "", winnow.GenerateOptions{MaxTokens: r.Sample.MaxTokens}) {
		if err != nil {
			return fmt.Errorf("eval: %w", err)
		}
		r.Text += token.Text
		if r.Score = r.Sample.Score(r.Text); r.Score == 1 {
			break
		}
	}
	r.Generated, r.DecodeTime = s.Stats().GeneratedTokens, s.Stats().DecodeTime
	return nil
}

// begin returns a session that has read the first of two prompts, if there are
// two, and the tokens of the last.
func (r *runner) begin(ctx context.Context, res *Result) (*winnow.Session, []int32, error) {
	if r.setup.Model.Tokenizer() == nil {
		return nil, nil, fmt.Errorf("eval: %w", winnow.ErrNoTokenizer)
	}
	texts := res.Sample.Prompts(r.position)
	prompts := encode(r.setup.Model.Tokenizer(), texts)
	for _, ids := range prompts {
		res.Prompt += len(ids)
	}
	if len(prompts) > 1 && r.read != nil && texts[0] == r.first {
		return r.read.Fork(), prompts[1], nil
	}
	s, err := r.setup.open(len(prompts[0]))
	if err != nil {
		return nil, nil, err
	}
	if err := fits(s, res.Prompt+res.Sample.MaxTokens); err != nil || len(prompts) == 1 {
		return s, prompts[0], err
	}
	if err := s.Append(ctx, prompts[0], winnow.AppendOptions{}); err != nil {
		return nil, nil, fmt.Errorf("eval: %w", err)
	}
	r.read, r.first = s, texts[0]
	res.PromptTime, res.Peak = s.Stats().PromptTime, s.Cache().Peak()
	return s.Fork(), prompts[1], nil
}
