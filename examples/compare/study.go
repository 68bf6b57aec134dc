package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/tokenizer"
)

// config is a policy with the share that it keeps. The full cache is "full"
// with 1.
type config struct {
	Policy string
	Keep   float64
}

const full = "full"

// cell is what one task gave under one configuration.
type cell struct {
	config
	position eval.Position
	task     string
	results  []*eval.Result // of each sample; nil: not answered yet
}

// study holds all that is measured. A job writes to places of its own.
type study struct {
	o       options
	m       *winnow.Model
	configs []config // the full cache first
	cells   []*cell
	lengths []int                  // of the needles
	needles map[string][]eval.Cell // by policy, [lengths][depths]
	losses  map[config]eval.Distance
	kept    []keptRows

	jobs []job
	done atomic.Int64 // jobs
	mu   sync.Mutex   // guards the maps and kept
}

type job func(ctx context.Context) error

func newStudy(o options, m *winnow.Model) (*study, error) {
	st := &study{o: o, m: m, configs: []config{{full, 1}}, needles: map[string][]eval.Cell{}, losses: map[config]eval.Distance{}}
	for _, p := range o.policies {
		for _, keep := range o.keep {
			st.configs = append(st.configs, config{p, keep})
		}
	}
	rounds, err := st.planScores()
	if err != nil {
		return nil, err
	}
	st.jobs = rounds[0]
	if err := st.planKept(); err != nil {
		return nil, err
	}
	st.planNeedles()
	if err := st.planLosses(); err != nil {
		return nil, err
	}
	st.jobs = append(st.jobs, slices.Concat(rounds[1:]...)...)
	return st, nil
}

func (st *study) setup(c config) eval.Setup {
	if c.Policy == full {
		return eval.Setup{Model: st.m, Cache: func(int) kvcache.Config { return kvcache.Config{K: st.o.k, V: st.o.v} }}
	}
	return eval.Setup{Model: st.m, Cache: st.o.cache(c.Policy, c.Keep)}
}

// planScores returns a round for each sample, over everything, so that what an
// interruption leaves is even.
func (st *study) planScores() ([][]job, error) {
	rounds := make([][]job, st.o.n)
	for _, p := range st.o.positions {
		for _, task := range st.o.tasks {
			fit := eval.Fit{Tokens: st.o.length, Position: p, Seed: st.o.seed, N: st.o.n, MaxTokens: st.o.max}
			samples, err := fit.Samples(st.m.Tokenizer(), task.Task)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", task.Name, err)
			}
			for _, c := range st.configs {
				st.cells = append(st.cells, &cell{config: c, position: p, task: task.Name, results: make([]*eval.Result, len(samples))})
			}
			cells := st.cells[len(st.cells)-len(st.configs):]
			for i := range samples {
				for _, group := range st.groups(cells, i) {
					rounds[i] = append(rounds[i], func(ctx context.Context) error { return st.answer(ctx, group, samples, i) })
				}
			}
		}
	}
	return rounds, nil
}

// groups returns those of a task's cells that answer a sample together: all of a
// policy, to whose budgets the prompt's beginning is the same, but for the first
// sample, from which the cost of each is known.
func (st *study) groups(cells []*cell, sample int) [][]*cell {
	size := len(st.o.keep)
	if sample == 0 {
		size = 1
	}
	return append([][]*cell{cells[:1]}, slices.Collect(slices.Chunk(cells[1:], size))...)
}

// answer has a sample answered under the configurations of cells.
func (st *study) answer(ctx context.Context, cells []*cell, samples []eval.Sample, i int) error {
	of := cells[0]
	if len(cells) == 1 {
		for r, err := range eval.Run(ctx, st.setup(of.config), samples[i:i+1], of.position) {
			if err != nil {
				return fmt.Errorf("%s, %s kept, %s: %w", of.Policy, percent(of.Keep), of.task, err)
			}
			of.results[i] = &r
		}
		return nil
	}
	var setups []eval.Setup
	for _, cl := range cells {
		setups = append(setups, st.setup(cl.config))
	}
	for results, err := range eval.Budgets(ctx, setups, samples[i:i+1], of.position) {
		if err != nil {
			return fmt.Errorf("%s, %s: %w", of.Policy, of.task, err)
		}
		for j, cl := range cells {
			cl.results[i] = &results[j]
		}
	}
	return nil
}

const needlesPerCell = 3

var depths = []float64{0, 0.25, 0.5, 0.75, 1}

// planNeedles is the needle in a haystack, the question within the prompt, at
// those of three lengths that have room for it.
func (st *study) planNeedles() {
	task := eval.Needle{Hay: st.o.hay, Keys: 2, MaxTokens: st.o.max}
	for _, length := range []int{st.o.length / 4, st.o.length / 2, st.o.length} {
		if _, err := (eval.Fit{Tokens: length}).Samples(st.m.Tokenizer(), task); err == nil {
			st.lengths = append(st.lengths, length)
		}
	}
	for _, c := range st.pictured() {
		cells := make([]eval.Cell, len(st.lengths)*len(depths))
		st.needles[c.Policy] = cells
		for i, length := range st.lengths {
			st.jobs = append(st.jobs, func(ctx context.Context) error {
				j := i * len(depths)
				o := eval.GridOptions{Lengths: []int{length}, Depths: depths, N: min(st.o.n, needlesPerCell), Seed: st.o.seed, Task: task}
				for c, err := range eval.Grid(ctx, st.setup(c), o) {
					if err != nil {
						return err
					}
					cells[j] = c
					j++
				}
				return nil
			})
		}
	}
}

// pictured are the configurations in the pictures of needles and of rows.
func (st *study) pictured() []config {
	all := []config{{full, 1}}
	for _, p := range st.o.policies {
		all = append(all, config{p, st.o.picture})
	}
	return all
}

// planLosses reads three quarters of a text as a prompt, and takes the loss on
// the rest, read as if it were generated.
func (st *study) planLosses() error {
	text := st.o.hay.Passage(st.o.seed+1<<32, st.o.length)
	if st.o.text != "" {
		data, err := os.ReadFile(st.o.text)
		if err != nil {
			return err
		}
		text = string(data)
	}
	ids := st.m.Tokenizer().Encode(text, tokenizer.EncodeOptions{})
	ids = ids[:min(len(ids), st.o.length)]
	if len(ids) < 8 {
		return fmt.Errorf("%s: got a text of %d tokens, want 8 or more", st.o.text, len(ids))
	}
	for _, c := range st.configs[1:] {
		st.jobs = append(st.jobs, func(ctx context.Context) error {
			prompt := len(ids) * 3 / 4
			reference, err := st.m.NewSession(st.setup(st.configs[0]).Cache(prompt))
			if err != nil {
				return err
			}
			test, err := st.m.NewSession(st.setup(c).Cache(prompt))
			if err != nil {
				return err
			}
			d, err := eval.Divergence(ctx, reference, test, ids, eval.Reading{Prompt: prompt})
			if err != nil {
				return err
			}
			st.mu.Lock()
			defer st.mu.Unlock()
			st.losses[c] = d
			return nil
		})
	}
	return nil
}

// run does the jobs, several at a time, and returns the first error.
func (st *study) run(ctx context.Context, progress func(done, total int)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan job)
	var workers sync.WaitGroup
	for range st.o.parallel {
		workers.Go(func() {
			for j := range next {
				if err := j(ctx); err != nil {
					cancel(err)
					return
				}
				st.done.Add(1)
			}
		})
	}
	for _, j := range st.jobs {
		progress(int(st.done.Load()), len(st.jobs))
		select {
		case next <- j:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}
