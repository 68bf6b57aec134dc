package kvcache

import (
	"sort"

	"github.com/winnowlm/winnow/attention"
)

// plan asks the policy, which does not see pinned rows, what the tile is to
// see, and has the pinned rows shown too.
func (c *Cache) plan(l *Layer) Plan {
	if c.cfg.Policy == nil {
		return Plan{}
	}
	l.hide(c.cfg.Pin)
	plan := c.cfg.Policy.Show(l, c.tile)
	if plan.Lead > 0 {
		plan.Lead += l.Heads[0].pinned
	}
	c.addPinned(l, plan.Pick)
	c.addPinned(l, plan.Among)
	l.hide(0)
	return plan
}

// addPinned has a policy's slots count from the first row, and the pinned ones
// among them.
func (c *Cache) addPinned(l *Layer, pick [][]int32) {
	for h, own := range pick {
		n := l.Heads[h].pinned
		if n == 0 {
			continue
		}
		all := c.work.ints.take(n + len(own))
		for j := range n {
			all[j] = int32(j)
		}
		for j, slot := range own {
			all[n+j] = slot + int32(n)
		}
		pick[h] = all
	}
}

// keep asks the policy, which does not see pinned rows, what survives.
func (c *Cache) keep(l *Layer) {
	var seen *attention.Scores
	if c.view.Scores != nil {
		seen = l.seen
	}
	l.hide(c.cfg.Pin)
	if c.cfg.Pin > 0 && seen != nil {
		c.seen.Mass = c.seen.Mass[:0]
		for g, mass := range seen.Mass {
			c.seen.Mass = append(c.seen.Mass, mass[l.Heads[g/l.Group].pinned:])
		}
		seen = &c.seen
	}
	c.cfg.Policy.Keep(l, c.tile, seen)
	l.hide(0)
}

// hide hides the rows at positions below pin, which are the first ones.
func (l *Layer) hide(pin int) {
	for h := range l.Heads {
		hd := &l.Heads[h]
		hd.pinned = sort.Search(min(pin, len(hd.pos)), func(j int) bool { return int(hd.pos[j]) >= pin })
	}
}
