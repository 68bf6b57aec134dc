package eval

import (
	"fmt"
	"math/rand/v2"

	"github.com/winnowlm/winnow/tokenizer"
)

// Fit says how samples are cut to a length.
type Fit struct {
	Tokens    int      // that the prompts and the answer may have together
	Position  Position // of the question: before and after it takes more room
	Seed      uint64
	N         int // samples; 0: 1
	MaxTokens int // of an answer; 0: as the task has it
}

// Samples returns samples of a task whose haystacks are as long as the fit
// allows, counted by a model's own tokenizer. RULER fills a haystack in steps
// of 25 lines or 500 words, this one piece by piece; and it leaves room for the
// answer in fwe too.
func (f Fit) Samples(t *tokenizer.Tokenizer, task Task) ([]Sample, error) {
	out := make([]Sample, max(1, f.N))
	pieces := 1
	for i := range out {
		var err error
		if out[i], pieces, err = f.sample(t, task, rand.NewPCG(f.Seed, uint64(i)).Uint64(), pieces); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sample searches for the largest haystack from a guess on.
func (f Fit) sample(t *tokenizer.Tokenizer, task Task, seed uint64, guess int) (best Sample, pieces int, err error) {
	fits := func(n int) bool {
		s := task.Sample(seed, n, f.Tokens)
		if f.MaxTokens != 0 {
			s.MaxTokens = f.MaxTokens
		}
		used := s.MaxTokens
		for _, ids := range encode(t, s.Prompts(f.Position)) {
			used += len(ids)
		}
		if used > f.Tokens {
			err = fmt.Errorf("eval: got room for %d tokens, want at least %d for the shortest sample and its answer", f.Tokens, used)
			return false
		}
		best = s
		return true
	}
	// low fits, or is 0; high does not.
	low, high, step := guess, guess, max(1, guess/16)
	if fits(guess) {
		for high += step; high < maxPieces(f.Tokens) && fits(high); step *= 2 {
			low, high = high, high+step
		}
	} else {
		for low -= step; low > 0 && !fits(low); step *= 2 {
			high, low = low, low-step
		}
		low = max(low, 0)
	}
	for high-low > 1 {
		if mid := (low + high) / 2; fits(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	if low == 0 {
		return Sample{}, 0, err
	}
	return best, low, nil
}

// maxPieces bounds the search if pieces are next to nothing.
func maxPieces(tokens int) int { return 2*tokens + 2 }

// encode returns the tokens of prompts that are read one after another.
func encode(t *tokenizer.Tokenizer, prompts []string) [][]int32 {
	out := make([][]int32, len(prompts))
	for i, p := range prompts {
		out[i] = t.Encode(p, tokenizer.EncodeOptions{Bare: i > 0})
	}
	return out
}
