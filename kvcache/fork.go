package kvcache

import (
	"slices"

	"github.com/winnowlm/winnow/attention"
)

// Fork returns a cache with the same history. Full blocks are shared, which is
// safe because they never change; the rest is copied. The two may be used by
// different goroutines.
func (c *Cache) Fork() *Cache {
	f := &Cache{shape: c.shape, cfg: c.cfg, bytes: c.bytes, peak: c.peak, step: c.step, work: new(workspace)}
	f.view.Heads, f.narrowed = make([][]attention.Span, c.shape.NumKVHeads), make([][]attention.Span, c.shape.NumKVHeads)
	f.layers = slices.Clone(c.layers)
	for i := range f.layers {
		l := &f.layers[i]
		l.work, l.hidden = f.work, nil
		if l.Memo != nil {
			l.Memo = l.Memo.Clone()
		}
		l.Heads = slices.Clone(l.Heads)
		for h := range l.Heads {
			l.Heads[h] = c.layers[i].Heads[h].Clone()
		}
		if l.seen != nil {
			seen := &attention.Scores{Most: l.seen.Most, Mass: make([][]float32, len(l.seen.Mass))}
			for g, mass := range l.seen.Mass {
				seen.Mass[g] = slices.Clone(mass)
			}
			l.seen = seen
		}
	}
	return f
}

// ForkWith is Fork, and the fork goes on under another policy, or the reason why
// that cannot work with the cache. Within an unfinished prompt it must be the
// same but for its budget: what the one has noted of the prompt the other uses.
func (c *Cache) ForkWith(p Policy) (*Cache, error) {
	cfg := c.cfg
	cfg.Policy = p
	if err := cfg.settle(c.shape); err != nil {
		return nil, err
	}
	f := c.Fork()
	f.cfg = cfg
	return f, nil
}

// Truncate drops every row at position pos or later. Rows that a policy evicted
// before do not come back.
func (c *Cache) Truncate(pos int32) {
	for i := range c.layers {
		l := &c.layers[i]
		before := l.bytes
		for h := range l.Heads {
			hd := &l.Heads[h]
			hd.Drop(slotOf(hd.pos, pos), hd.Len())
			hd.gathered = nil
		}
		if l.seen != nil {
			l.seen = nil
		}
		l.Memo = nil
		c.bytes += l.count() - before
	}
}
