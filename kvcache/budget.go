package kvcache

import (
	"fmt"
	"sort"

	"github.com/winnowlm/winnow/quant"
)

// Budgeted is a Policy whose budget can be set from outside, as
// Config.MaxBytes does.
type Budgeted interface {
	Policy
	// WithBudget returns the policy with a budget of that many rows for each KV
	// head of each layer, in the mean and never more; nil if it cannot.
	WithBudget(shape Shape, rows int) Policy
}

// Bounded is a Budgeted policy that may drop rows while text is generated, so
// that its budget holds then too. Such a policy drops a row a step, and what was
// dropped still takes memory until a head is rewritten, for which MaxBytes leaves
// room. Others drop rows when a prompt ends, and must do so by Head.Keep, which
// frees them at once.
type Bounded interface {
	Budgeted
	Bounded() bool
}

// Gatherer is a Budgeted policy that has rows copied (Head.Gather), for which
// MaxBytes leaves room.
type Gatherer interface {
	Budgeted
	// Gathers returns the most rows that are copied of a head's n.
	Gathers(n int) int
}

// divide turns MaxBytes into the policy's budget.
func (c *Config) divide(shape Shape) error {
	if c.MaxBytes == 0 {
		return nil
	}
	if c.MaxBytes < 0 {
		return fmt.Errorf("got MaxBytes %d, want at least 0", c.MaxBytes)
	}
	p, ok := c.Policy.(Budgeted)
	if !ok {
		return fmt.Errorf("got MaxBytes with the policy %T, want one whose budget can be set", c.Policy)
	}
	f := c.filled()
	if quant.Header(f.K, shape.HeadDim)+quant.Header(f.V, shape.HeadDim) > 0 {
		return fmt.Errorf("got MaxBytes with rows stored as %s and %s, want formats whose rows share no scales with others of their block", f.K.Name(), f.V.Name())
	}
	rows := shape.RowsWithin(*c, c.MaxBytes)
	pinned := c.Pinned()
	if rows <= pinned {
		least := int64(shape.NumLayers*shape.NumKVHeads) * c.worst(shape.HeadDim, pinned+1)
		return fmt.Errorf("got MaxBytes %d, which is room for %d rows a head; want at least %d for one row beside %d pinned ones", c.MaxBytes, rows, least, pinned)
	}
	if c.Policy = p.WithBudget(shape, rows-pinned); c.Policy == nil {
		return fmt.Errorf("got MaxBytes with %T, of which something keeps what it has to whatever its budget is", p)
	}
	return nil
}

// RowsWithin returns how many rows each KV head of each layer may hold so that
// all together never take more than maxBytes: each gets an even share. In a
// share is room for the last 63 rows as float32, for the encoded others, and for
// 9 bytes of columns a row; if the policy is Bounded, also for evicted rows in
// blocks that are not rewritten yet, which are at most 64, or a seventh of the
// rows if that is more; if it is a Gatherer, also for the rows that it has copied.
func (s Shape) RowsWithin(cfg Config, maxBytes int64) int {
	cfg = cfg.filled()
	share := maxBytes / int64(s.NumLayers*s.NumKVHeads)
	most := int(share / columnBytes)
	return sort.Search(most, func(n int) bool { return cfg.worst(s.HeadDim, n+1) > share })
}

// columnBytes is a row's position, score and kind.
const columnBytes = 4 + 4 + 1

// worst returns the most that a head of n rows takes.
func (c Config) worst(dim, n int) int64 {
	tail := min(n, BlockRows-1)
	slack := 0
	if b, ok := c.Policy.(Bounded); ok && b.Bounded() {
		slack = max(BlockRows, n/(slackShare-1))
	}
	copied := 0
	if g, ok := c.Policy.(Gatherer); ok {
		copied = g.Gathers(n)
	}
	size := func(f quant.Format) int64 {
		return int64(f.Size(n-tail+slack+copied, dim)) + int64(quant.F32.Size(tail, dim))
	}
	return size(c.K) + size(c.V) + int64(columnBytes*n+gatheredColumns*copied)
}
