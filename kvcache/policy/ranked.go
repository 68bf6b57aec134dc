package policy

import (
	"slices"
	"sync"

	"github.com/winnowlm/winnow/kvcache"
)

// ranked is a choice of a head's rows and the order in which they leave.
type ranked struct {
	rows  int     // that there were to choose from
	total int     // that were chosen
	slot  []int32 // of those the head still has, now, ascending
	pos   []int32
	turn  []int32 // how many of the others leave before this one
}

// ranking is the memory of a choice.
type ranking struct {
	votes, pooled []float32
	keys          []uint64
}

var rankings = sync.Pool{New: func() any { return new(ranking) }}

// choose chooses the rows to which a query paid most attention, given for each
// query head of hd.
func (r *ranked) choose(p Recycled, hd *kvcache.Head, mass [][]float32) {
	w := rankings.Get().(*ranking)
	defer rankings.Put(w)
	votes, n := mass[0], hd.Len()
	w.votes, w.pooled = slices.Grow(w.votes[:0], n)[:n], slices.Grow(w.pooled[:0], n)[:n]
	if !p.FirstHead {
		votes = Most.combine(w.votes, mass)
	}
	votes = Max.pool(w.pooled, votes, p.Kernel)
	r.slot = top(r.slot, votes, p.TopK)
	r.order(w, votes, hd.Pos())
}

// order orders the chosen slots, given the score and the position of every row.
func (r *ranked) order(w *ranking, score []float32, pos []int32) {
	r.rows, r.total = len(pos), len(r.slot)
	r.pos, r.turn, w.keys = r.pos[:0], r.turn[:0], w.keys[:0]
	for j, s := range r.slot {
		r.pos, r.turn = append(r.pos, pos[s]), append(r.turn, 0)
		// Of equal scores the higher slot leaves first.
		w.keys = append(w.keys, uint64(order(score[s]))<<32|uint64(r.total-1-j))
	}
	slices.Sort(w.keys)
	for turn, key := range w.keys {
		r.turn[r.total-1-int(uint32(key))] = int32(turn)
	}
}

// follow finds the rows again after the head has dropped some, when those that
// there were to choose from are at these positions.
func (r *ranked) follow(pos []int32) {
	if len(pos) == r.rows {
		return
	}
	n, moved := 0, 0
	for j, slot := range r.slot {
		// Rows move down at least as far as those before them.
		at := int(slot) - moved
		for at >= 0 && (at >= len(pos) || pos[at] > r.pos[j]) {
			at, moved = at-1, moved+1
		}
		if at >= 0 && pos[at] == r.pos[j] {
			r.slot[n], r.pos[n], r.turn[n] = int32(at), r.pos[j], r.turn[j]
			n++
		}
	}
	r.rows, r.slot, r.pos, r.turn = len(pos), r.slot[:n], r.pos[:n], r.turn[:n]
}

// partial appends to pick the slots of the partial cache, ascending, among the
// first n of a head, of which the first older were there to choose from.
func (r *ranked) partial(pick []int32, n, older, topK int) []int32 {
	over := max(0, r.total+n-older-topK)
	for j, slot := range r.slot {
		if int(slot) < n && int(r.turn[j]) >= over {
			pick = append(pick, slot)
		}
	}
	return span(pick, older+max(0, over-r.total), n)
}

func (r *ranked) clone() ranked {
	c := *r
	c.slot, c.pos, c.turn = slices.Clone(r.slot), slices.Clone(r.pos), slices.Clone(r.turn)
	return c
}
