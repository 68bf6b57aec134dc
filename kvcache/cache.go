// Package kvcache keeps the keys and values of one sequence. What is stored
// (quant.Format), what is shown and what survives (Policy) vary independently.
//
// Each KV head has a row history of its own (Head). Every row carries its
// position in the sequence; length is never position.
package kvcache

import (
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// Shape is the geometry of a model's cache.
type Shape struct{ NumLayers, NumHeads, NumKVHeads, HeadDim int }

// Config selects formats and policy. The zero value keeps everything in f16.
type Config struct {
	K, V   quant.Format // nil: f16
	Policy Policy       // nil: keep everything

	// Pin are positions that no policy can drop, such as those of a system prompt
	// or of instructions within a text: the policy does not see their rows. They
	// are always shown and come on top of the policy's budget.
	Pin []Range

	// MaxBytes is the most that the cache's rows may take when a prompt has
	// ended, and while text is generated if the policy bounds that; 0: the
	// policy's own budget says. The policy, which must be Budgeted, gets the
	// budget Shape.RowsWithin, less the pinned rows.
	MaxBytes int64

	// Model is asked for what Layer.Weights is to be, if the policy needs it, and
	// lends it goroutines. Sessions fill it in.
	Model Model
}

// Model is what a cache may ask of the model that it serves.
type Model interface {
	Attention(layer int) attention.Weights
	// Run calls do for each i in [0, n), on the model's goroutines.
	Run(n int, do func(i int))
}

func (c Config) filled() Config {
	if c.K == nil {
		c.K = quant.F16
	}
	if c.V == nil {
		c.V = quant.F16
	}
	return c
}

// Policy answers two questions about a layer. It is a value that holds
// parameters only; what it must remember lives in the layer. The caches of
// sequences that decode together ask it at the same time.
type Policy interface {
	// Show is asked before attention; the step's own rows are already in l.
	Show(l *Layer, s Step) Plan
	// Keep is asked after attention. It may drop or annotate rows. seen is
	// nil unless Show watched; it adds up over the tiles of one prompt.
	Keep(l *Layer, s Step, seen *attention.Scores)
}

// Checker is a Policy with something to refuse: parameters that make no sense,
// or a model or configuration it cannot work with. A zero Shape stands for a
// model that is not known yet: then the parameters alone are checked.
type Checker interface {
	Check(shape Shape, cfg Config) error
}

// Plan is a policy's answer to Show. The zero Plan shows everything and
// watches nothing.
type Plan struct {
	Pick  [][]int32 // [NumKVHeads] slots to show, ascending; nil: all. The cache may change it
	Watch int       // how many of the last queries to watch; All: every one

	// Most records the largest weight of a watched query instead of the sum.
	// Among, like Pick, are slots to record weights for, as if these alone
	// were shown; nil: those shown.
	Most  bool
	Among [][]int32

	// The first Lead slots are shown as if they stood Shift positions later.
	Lead  int
	Shift int32
}

// All watches every query of the step.
const All = int(^uint(0) >> 1)

// Step describes tokens that are processed together.
type Step struct {
	Pos    []int32   // their positions, ascending
	Kind   []uint8   // their kinds (text, image, …); nil: all 0
	Q      []float32 // their rotated queries in this layer, [len(Pos)][NumHeads][HeadDim]
	Prompt bool      // they were given, not generated
	Rest   int       // tokens of the same prompt still to come
	Again  *Again    // not nil in a rehearsal
}

// Cache is the history of one sequence. It belongs to one goroutine; Fork it
// for another.
type Cache struct {
	shape  Shape
	cfg    Config
	layers []Layer
	bytes  int64
	peak   int64

	step     Step               // announced by Begin
	tile     Step               // the part of it in the current Update
	view     attention.View     // of the current Update
	narrowed [][]attention.Span // [NumKVHeads] memory of a view that a plan narrows
	planned  Plan               // what it was made by
	work     *workspace         // memory of the view and of the policy
	exact    exactRows          // the current layer's rows on their way into blocks
	spare    *attention.Scores
	seen     attention.Scores // what was recorded of the rows that are not pinned
}

// New returns an empty cache, or the reason why the policy cannot work with it.
func New(shape Shape, cfg Config) (*Cache, error) {
	cfg = cfg.filled()
	for _, f := range []quant.Format{cfg.K, cfg.V} {
		if shape.HeadDim%f.Block() != 0 {
			return nil, fmt.Errorf("kvcache: format %s wants rows of a multiple of %d, have heads of %d", f.Name(), f.Block(), shape.HeadDim)
		}
	}
	var err error
	if cfg.Pin, err = sortPins(cfg.Pin); err != nil {
		return nil, fmt.Errorf("kvcache: %w", err)
	}
	if err := cfg.settle(shape); err != nil {
		return nil, err
	}
	c := &Cache{shape: shape, cfg: cfg, layers: make([]Layer, shape.NumLayers), work: new(workspace)}
	for i := range c.layers {
		c.layers[i] = newLayer(i, shape, cfg)
		c.layers[i].work = c.work
		if cfg.Model != nil {
			c.layers[i].Weights, c.layers[i].run = cfg.Model.Attention(i), cfg.Model.Run
		}
	}
	c.view.Heads, c.narrowed = make([][]attention.Span, shape.NumKVHeads), make([][]attention.Span, shape.NumKVHeads)
	return c, nil
}

// settle gives the policy its budget, if that is in bytes, and asks it whether
// it can work.
func (c *Config) settle(shape Shape) error {
	if err := c.divide(shape); err != nil {
		return fmt.Errorf("kvcache: %w", err)
	}
	if p, ok := c.Policy.(Checker); ok {
		if err := p.Check(shape, *c); err != nil {
			return fmt.Errorf("kvcache: %w", err)
		}
	}
	return nil
}

// Begin announces the next step. The model then calls Update and Done for each
// tile of each layer.
func (c *Cache) Begin(s Step) { c.step = s }

// Update appends to layer i the keys and values of the step's tokens from lo
// on, both [n][NumKVHeads][HeadDim], and returns what their queries q,
// [n][NumHeads][HeadDim], are to see. The view is valid until Done.
func (c *Cache) Update(i, lo int, q, k, v []float32) attention.View {
	n := len(k) / (c.shape.NumKVHeads * c.shape.HeadDim)
	if lo < 0 || lo+n > len(c.step.Pos) || len(v) != len(k) {
		panic(fmt.Sprintf("kvcache: Update: got tokens %d..%d, want at most %d; %d keys, %d values", lo, lo+n, len(c.step.Pos), len(k), len(v)))
	}
	c.tile = Step{Pos: c.step.Pos[lo : lo+n], Q: q, Prompt: c.step.Prompt, Rest: c.step.Rest + len(c.step.Pos) - lo - n, Again: c.step.Again}
	if c.step.Kind != nil {
		c.tile.Kind = c.step.Kind[lo : lo+n]
	}
	l := &c.layers[i]
	c.exact.load(l, c.tile, k, v)
	c.work.reset()
	plan := c.plan(l)
	c.planned = plan
	for h := range l.Heads {
		c.view.Heads[h] = c.spans(l, h, plan, &c.narrowed[h])
	}
	c.view.Scores = c.watch(l, plan, n)
	return c.view
}

// among lists the spans of the slots that weights are recorded for.
func (c *Cache) among(l *Layer, plan Plan) [][]attention.Span {
	if plan.Among == nil {
		return nil
	}
	plan.Pick = plan.Among
	spans := make([][]attention.Span, len(l.Heads))
	for h := range spans {
		spans[h] = c.spans(l, h, plan, &spans[h])
	}
	return spans
}

// watch returns where the step's attention is to be recorded, nil for nowhere.
func (c *Cache) watch(l *Layer, plan Plan, n int) *attention.Scores {
	if plan.Watch <= 0 {
		return nil
	}
	if l.seen == nil {
		if l.seen, c.spare = c.spare, nil; l.seen == nil {
			l.seen = &attention.Scores{Mass: make([][]float32, c.shape.NumHeads)}
		}
		for g := range l.seen.Mass {
			l.seen.Mass[g] = l.seen.Mass[g][:0]
		}
	}
	l.seen.Most, l.seen.Among = plan.Most, c.among(l, plan)
	for g, mass := range l.seen.Mass {
		h := g / l.Group
		shown := l.Heads[h].Len()
		switch {
		case plan.Among != nil:
			shown = len(plan.Among[h])
		case plan.Pick != nil:
			shown = len(plan.Pick[h])
		}
		old := len(mass)
		mass = slices.Grow(mass, shown-old)[:shown]
		clear(mass[old:])
		l.seen.Mass[g] = mass
	}
	l.seen.Reset(max(0, n-min(n, plan.Watch)), n, c.shape.NumHeads)
	return l.seen
}

// Done ends a tile of layer i: full blocks are encoded, and the policy decides
// what survives.
func (c *Cache) Done(i int) {
	l := &c.layers[i]
	before := l.bytes
	c.exact.store(l)
	c.bytes += l.count() - before
	c.peak = max(c.peak, c.bytes)
	if c.cfg.Policy != nil {
		before = l.bytes
		c.keep(l)
		c.bytes += l.count() - before
	}
	if l.seen != nil && c.tile.Rest == 0 {
		l.seen, c.spare = nil, l.seen
	}
	if c.tile.Prompt && c.tile.Rest == 0 && i == len(c.layers)-1 {
		c.release()
	}
}

// release frees the memory of a tile's, which is as long as a prompt.
func (c *Cache) release() {
	*c.work = workspace{}
	c.spare, c.seen, c.exact, c.planned = nil, attention.Scores{}, exactRows{}, Plan{}
}

// Layer exposes layer i for inspection.
func (c *Cache) Layer(i int) *Layer { return &c.layers[i] }

// Shape returns the geometry the cache was made for.
func (c *Cache) Shape() Shape { return c.shape }

// Config returns the configuration with its formats filled in.
func (c *Cache) Config() Config { return c.cfg }

// Bytes returns what the rows take now: keys, values and their columns. Peak
// returns the most that this has been after any layer of any step.
func (c *Cache) Bytes() int64 { return c.bytes }

// Peak is documented at Bytes.
func (c *Cache) Peak() int64 { return c.peak }

// Rows returns the length of the longest head.
func (c *Cache) Rows() int {
	n := 0
	for i := range c.layers {
		for h := range c.layers[i].Heads {
			n = max(n, c.layers[i].Heads[h].Len())
		}
	}
	return n
}

// FullBytes returns what the keys and values of n tokens take in the formats k
// and v, in blocks, when nothing is dropped.
func (s Shape) FullBytes(k, v quant.Format, n int) int64 {
	size := func(rows int) int64 { return int64(k.Size(rows, s.HeadDim) + v.Size(rows, s.HeadDim)) }
	bytes := int64(n/BlockRows) * size(BlockRows)
	if n%BlockRows > 0 {
		bytes += size(n % BlockRows)
	}
	return bytes * int64(s.NumLayers) * int64(s.NumKVHeads)
}

// Bytes returns what a cache of n rows in each head takes, as Cache.Bytes
// counts: full blocks encoded, the rest exact, and the rows' positions.
func (s Shape) Bytes(cfg Config, n int) int64 {
	cfg = cfg.filled()
	tail := n % BlockRows
	heads := int64(s.NumLayers) * int64(s.NumKVHeads)
	return s.FullBytes(cfg.K, cfg.V, n-tail) + s.FullBytes(quant.F32, quant.F32, tail) + 4*heads*int64(n)
}
