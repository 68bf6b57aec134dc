package eval

import (
	"context"
	"fmt"
	"iter"

	"github.com/winnowlm/winnow"
)

// GridOptions are the needle in a haystack over lengths and depths. All but
// Lengths have defaults.
type GridOptions struct {
	Lengths  []int     // tokens of prompts and answer
	Depths   []float64 // of the facts, from 0, the beginning, to 1; nil: 0, 0.25, 0.5, 0.75, 1
	N        int       // samples of a cell; 0: 5
	Task     Needle    // whose Depth is set by the grid
	Position Position
	Seed     uint64
}

// Cell is a field of the grid.
type Cell struct {
	Length int
	Depth  float64
	Mean
}

// Grid asks for needles at each length and depth, lengths one after another and
// depths within them. An error is yielded last.
func Grid(ctx context.Context, setup Setup, o GridOptions) iter.Seq2[Cell, error] {
	if o.Depths == nil {
		o.Depths = []float64{0, 0.25, 0.5, 0.75, 1}
	}
	if o.N == 0 {
		o.N = 5
	}
	return func(yield func(Cell, error) bool) {
		for _, length := range o.Lengths {
			for _, depth := range o.Depths {
				c, err := o.cell(ctx, setup, length, depth)
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

func (o GridOptions) cell(ctx context.Context, setup Setup, length int, depth float64) (Cell, error) {
	c := Cell{Length: length, Depth: depth}
	if !(depth >= 0 && depth <= 1) {
		return c, fmt.Errorf("eval: got a depth of %v, want 0 to 1", depth)
	}
	if setup.Model.Tokenizer() == nil {
		return c, fmt.Errorf("eval: %w", winnow.ErrNoTokenizer)
	}
	o.Task.Depth = &depth
	samples, err := Fit{Tokens: length, Position: o.Position, Seed: o.Seed, N: o.N}.Samples(setup.Model.Tokenizer(), o.Task)
	if err != nil {
		return c, err
	}
	var results []Result
	for r, err := range Run(ctx, setup, samples, o.Position) {
		if err != nil {
			return c, err
		}
		results = append(results, r)
	}
	c.Mean = Summarize(results)
	return c, nil
}
