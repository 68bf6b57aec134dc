// Package speed measures how fast a model reads prompts and generates, at
// several depths and numbers of threads.
package speed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
)

// Plan says what to measure: each test at each depth with each number of
// threads.
type Plan struct {
	First    []int // tokens to read by a model that is opened for it; 0 is no test
	Prompt   []int // tokens to read at once; 0 is no test
	Generate []int // tokens to generate; 0 is no test
	Depths   []int // tokens that were read as one prompt before
	Threads  []int // 1 or more
	Repeats  int
	Cache    kvcache.Config
	Turn     func() error // called before each repeat of a depth's tests, to wait for another program's; nil: no waiting
}

// Result is a test's outcome.
type Result struct {
	Test                  string // "ld16" opens the model and reads 16 tokens, "pp512" reads 512, "tg64" generates 64, "tg64x8" as many of each of 8 sequences
	Depth, Threads        int
	Rates                 []float64 // tokens per second, [Repeats]
	CacheBytes, CachePeak int64     // after the last repeat; the peak since the beginning
}

// Open opens the model to measure.
type Open func(winnow.Options) (*winnow.Model, error)

// warmUp is the number of tokens read first, so that no test pays for bringing
// the weights into memory.
const warmUp = 16

// Run measures and hands out the results of a depth when they are complete.
// The repeats of different tests take turns, so that a noisy moment does not
// fall on one of them. The tokens are random but the same in every run.
func (p Plan) Run(ctx context.Context, open Open, yield func(Result) error) error {
	if err := p.first(ctx, open, yield); err != nil || slices.Max(slices.Concat([]int{0}, p.Prompt, p.Generate)) == 0 {
		return err
	}
	models := make([]*winnow.Model, 0, len(p.Threads))
	defer func() {
		for _, m := range models {
			m.Close()
		}
	}()
	for _, threads := range p.Threads {
		m, err := open(winnow.Options{Threads: threads, Context: p.context()})
		if err != nil {
			return err
		}
		models = append(models, m)
		if err := warm(ctx, m); err != nil {
			return err
		}
	}
	for _, depth := range slices.Sorted(slices.Values(p.Depths)) {
		if err := p.at(ctx, depth, models, yield); err != nil {
			return err
		}
	}
	return nil
}

// context returns the rows that the deepest test needs: one more than are
// counted, for the token from which generation starts at depth 0.
func (p Plan) context() int {
	most := slices.Max(slices.Concat([]int{warmUp}, p.First, p.Prompt, p.Generate))
	return slices.Max(p.Depths) + most + 1
}

// first measures the time until a model that is not yet open has read a prompt
// and knows the logits of its first token. Before the first repeat it is done
// once more, so that a file is in memory.
func (p Plan) first(ctx context.Context, open Open, yield func(Result) error) error {
	for _, n := range p.First {
		for _, threads := range p.Threads {
			if n == 0 {
				continue
			}
			r := Result{Test: fmt.Sprintf("ld%d", n), Threads: threads}
			for range p.Repeats + 1 {
				begin := time.Now()
				m, err := open(winnow.Options{Threads: threads, Context: p.context()})
				if err != nil {
					return err
				}
				s, err := m.NewSession(p.Cache)
				if err == nil {
					err = s.Append(ctx, random(m, n), winnow.AppendOptions{})
				}
				if err = errors.Join(err, m.Close()); err != nil {
					return err
				}
				r.Rates = append(r.Rates, cli.Rate(n, time.Since(begin)))
				r.CacheBytes, r.CachePeak = s.Cache().Bytes(), s.Cache().Peak()
			}
			r.Rates = r.Rates[1:]
			if err := yield(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func warm(ctx context.Context, m *winnow.Model) error {
	s, err := m.NewSession(kvcache.Config{})
	if err != nil {
		return err
	}
	return s.Append(ctx, random(m, warmUp), winnow.AppendOptions{})
}

// random returns n ids of the model's vocabulary.
func random(m *winnow.Model, n int) []int32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	ids := make([]int32, n)
	for j := range ids {
		ids[j] = r.Int32N(int32(m.Config().VocabSize))
	}
	return ids
}

// at measures at one depth.
func (p Plan) at(ctx context.Context, depth int, models []*winnow.Model, yield func(Result) error) error {
	filled, peak, err := p.fill(ctx, depth, models)
	if err != nil {
		return err
	}
	var tests []test
	for _, kind := range []struct {
		name    string
		sizes   []int
		measure measure
	}{{"pp", p.Prompt, prefill}, {"tg", p.Generate, decode}} {
		for _, n := range kind.sizes {
			for i, threads := range p.Threads {
				if n > 0 {
					r := Result{Test: fmt.Sprintf("%s%d", kind.name, n), Depth: depth, Threads: threads, CachePeak: peak}
					tests = append(tests, test{r, models[i], filled[i], n, kind.measure})
				}
			}
		}
	}
	for range p.Repeats {
		if p.Turn != nil {
			if err := p.Turn(); err != nil {
				return err
			}
		}
		for i := range tests {
			if err := tests[i].run(ctx); err != nil {
				return err
			}
		}
	}
	for _, t := range tests {
		if err := yield(t.Result); err != nil {
			return err
		}
	}
	return nil
}

// test is a test in the making.
type test struct {
	Result
	m       *winnow.Model
	filled  *winnow.Session
	n       int
	measure measure
}

// measure has a session of m process n tokens and returns their rate.
type measure func(ctx context.Context, m *winnow.Model, s *winnow.Session, n int) (float64, error)

func (t *test) run(ctx context.Context) error {
	s := t.filled.Fork()
	rate, err := t.measure(ctx, t.m, s, t.n)
	if err != nil {
		return err
	}
	t.Rates = append(t.Rates, rate)
	t.CacheBytes, t.CachePeak = s.Cache().Bytes(), max(t.CachePeak, s.Cache().Peak())
	return nil
}

// prefill reads n tokens.
func prefill(ctx context.Context, m *winnow.Model, s *winnow.Session, n int) (float64, error) {
	if err := s.Append(ctx, random(m, n), winnow.AppendOptions{}); err != nil {
		return 0, err
	}
	return cli.Rate(n, s.Stats().PromptTime), nil
}

// decode generates n tokens; what counts is the passes that read them, without
// sampling.
func decode(ctx context.Context, m *winnow.Model, s *winnow.Session, n int) (float64, error) {
	if s.Logits() == nil {
		if err := s.Append(ctx, random(m, 1), winnow.AppendOptions{}); err != nil {
			return 0, err
		}
	}
	// The first token costs no pass: its logits are there.
	for _, err := range s.GenerateTokens(ctx, nil, winnow.GenerateOptions{MaxTokens: n + 1, IgnoreEnd: true}) {
		if err != nil {
			return 0, err
		}
	}
	return cli.Rate(n, s.Stats().DecodeTime), nil
}

// fill returns a session of each model that has read depth tokens, and the peak
// of the cache meanwhile. The model with the most threads does the reading.
func (p Plan) fill(ctx context.Context, depth int, models []*winnow.Model) ([]*winnow.Session, int64, error) {
	fastest := slices.Index(p.Threads, slices.Max(p.Threads))
	full, err := models[fastest].NewSession(p.Cache)
	if err != nil {
		return nil, 0, err
	}
	if depth > 0 {
		if err := full.Append(ctx, random(models[fastest], depth), winnow.AppendOptions{}); err != nil {
			return nil, 0, err
		}
	}
	filled := make([]*winnow.Session, len(models))
	for i, m := range models {
		if filled[i] = full; i == fastest {
			continue
		}
		if filled[i], err = p.move(full, m); err != nil {
			return nil, 0, err
		}
	}
	return filled, full.Cache().Peak(), nil
}

// move returns the session as one of another opening of the same model.
func (p Plan) move(s *winnow.Session, to *winnow.Model) (*winnow.Session, error) {
	r, w := io.Pipe()
	saved := make(chan error, 1)
	go func() {
		err := s.Save(w)
		w.CloseWithError(err)
		saved <- err
	}()
	moved, err := to.LoadSession(r, p.Cache)
	r.CloseWithError(err)
	return moved, errors.Join(<-saved, err)
}
