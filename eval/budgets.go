package eval

import (
	"context"
	"fmt"
	"iter"

	"github.com/winnowlm/winnow"
)

// ownTokens are those at the end of a first prompt that each setup of Budgets
// reads for itself: what policies watch of a prompt ends there, and how long
// their observation windows are may follow from their budgets.
const ownTokens = 64

// Budgets is Run under several setups that differ in the budgets of their
// policies alone, and yields the results of each sample, [len(setups)]. All but
// the end of a sample's first prompt is read once for all of them. The answers
// are Run's; a result's PromptTime is that of reading on its own, and Peak is not
// known, since the prompt is read in two calls.
func Budgets(ctx context.Context, setups []Setup, samples []Sample, p Position) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		for _, s := range samples {
			results, err := budgets(ctx, setups, s, p)
			if !yield(results, err) || err != nil {
				return
			}
		}
	}
}

func budgets(ctx context.Context, setups []Setup, sample Sample, p Position) ([]Result, error) {
	if setups[0].Model.Tokenizer() == nil {
		return nil, fmt.Errorf("eval: %w", winnow.ErrNoTokenizer)
	}
	prompts := encode(setups[0].Model.Tokenizer(), sample.Prompts(p))
	first, last := prompts[0], prompts[len(prompts)-1]
	res := Result{Sample: sample}
	for _, ids := range prompts {
		res.Prompt += len(ids)
	}
	s, err := setups[0].open(len(first))
	if err != nil {
		return nil, err
	}
	if err := fits(s, res.Prompt+sample.MaxTokens); err != nil {
		return nil, err
	}
	shared := max(0, len(first)-ownTokens)
	if shared > 0 {
		if err := s.Append(ctx, first[:shared], winnow.AppendOptions{Rest: len(first) - shared}); err != nil {
			return nil, fmt.Errorf("eval: %w", err)
		}
	}
	res.PromptTime = s.Stats().PromptTime
	results := make([]Result, len(setups))
	for i, setup := range setups {
		results[i] = res
		f, err := s.ForkWith(setup.config(len(first)).Policy)
		if err != nil {
			return nil, fmt.Errorf("eval: %w", err)
		}
		if len(prompts) > 1 {
			if err := f.Append(ctx, first[shared:], winnow.AppendOptions{}); err != nil {
				return nil, fmt.Errorf("eval: %w", err)
			}
		} else {
			last = first[shared:]
		}
		if err := results[i].finish(ctx, f, last); err != nil {
			return nil, err
		}
		results[i].Peak = 0
	}
	return results, nil
}
