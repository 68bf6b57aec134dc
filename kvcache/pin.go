package kvcache

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/attention"
)

// Range is the positions From, …, To-1.
type Range struct{ From, To int32 }

// sortPins orders ranges and joins those that touch.
func sortPins(pins []Range) ([]Range, error) {
	pins = slices.Clone(pins)
	slices.SortFunc(pins, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	joined := pins[:0]
	for _, r := range pins {
		last := len(joined) - 1
		switch {
		case r.From < 0 || r.From >= r.To:
			return nil, fmt.Errorf("got Pin from %d to %d, want at least one position, none of them below 0", r.From, r.To)
		case last >= 0 && r.From <= joined[last].To:
			joined[last].To = max(joined[last].To, r.To)
		default:
			joined = append(joined, r)
		}
	}
	return joined, nil
}

// Pinned returns how many positions are pinned.
func (c Config) Pinned() int {
	n := 0
	for _, r := range c.Pin {
		n += int(r.To - r.From)
	}
	return n
}

// hide hides the pinned rows of l, until show.
func (c *Cache) hide(l *Layer) {
	if len(c.cfg.Pin) == 0 {
		return
	}
	if l.hidden == nil {
		l.hidden = make([]hidden, len(l.Heads))
	}
	for h := range l.Heads {
		l.Heads[h].hide(&l.hidden[h], c.cfg.Pin)
	}
}

// show ends hide.
func (l *Layer) show() {
	for h := range l.Heads {
		l.Heads[h].hidden.store(&l.Heads[h])
		l.Heads[h].hidden = nil
	}
}

// plan asks the policy, which does not see pinned rows, what the tile is to
// see, and has the pinned rows shown too.
func (c *Cache) plan(l *Layer) Plan {
	if c.cfg.Policy == nil {
		return Plan{}
	}
	c.hide(l)
	defer l.show()
	plan := c.cfg.Policy.Show(l, c.tile)
	if first := l.Heads[0].hidden; first != nil && plan.Lead > 0 {
		plan.Lead = first.slot(plan.Lead-1) + 1
	}
	c.addPinned(l, plan.Pick)
	c.addPinned(l, plan.Among)
	return plan
}

// addPinned has a policy's slots count from the first row, and the pinned ones
// among them.
func (c *Cache) addPinned(l *Layer, pick [][]int32) {
	for h, own := range pick {
		hd := &l.Heads[h]
		if hd.hidden != nil {
			pick[h] = hd.hidden.with(c.work.ints.take(len(hd.pos) - hd.Len() + len(own))[:0], own, len(hd.pos))
		}
	}
}

// keep asks the policy, which does not see pinned rows, what survives.
func (c *Cache) keep(l *Layer) {
	var seen *attention.Scores
	if c.view.Scores != nil {
		seen = l.seen
	}
	c.hide(l)
	defer l.show()
	if len(c.cfg.Pin) > 0 && seen != nil {
		c.seen.Mass = c.seen.Mass[:0]
		for g, mass := range seen.Mass {
			h := g / l.Group
			c.seen.Mass = append(c.seen.Mass, l.Heads[h].hidden.without(c.work.floats.take(len(mass))[:0], mass, c.recorded(h)))
		}
		seen = &c.seen
	}
	c.cfg.Policy.Keep(l, c.tile, seen)
}

// recorded returns the slots of head h that weights were recorded for; nil: all.
func (c *Cache) recorded(h int) []int32 {
	switch {
	case c.planned.Among != nil:
		return c.planned.Among[h]
	case c.planned.Pick != nil:
		return c.planned.Pick[h]
	}
	return nil
}
