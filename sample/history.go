package sample

import (
	"cmp"
	"slices"
)

// history counts the tokens of a window over those last accepted.
type history struct {
	window  int     // tokens remembered; negative: all
	ring    []int32 // the tokens of the window; unused where all are remembered
	next    int     // where in a full ring the oldest token stands
	tallies []tally // how often each token stands in the window, in order of id; no zero counts
}

type tally struct {
	id, count int32
}

func (h *history) add(tokens []int32) {
	if h.window < 0 {
		for _, id := range tokens {
			h.count(id, 1)
		}
		return
	}
	// Of more tokens than the window holds, only the last can matter.
	for _, id := range tokens[max(0, len(tokens)-h.window):] {
		if len(h.ring) < h.window {
			h.ring = append(h.ring, id)
		} else {
			h.count(h.ring[h.next], -1)
			h.ring[h.next] = id
			h.next = (h.next + 1) % h.window
		}
		h.count(id, 1)
	}
}

// count adds by to the tally of id.
func (h *history) count(id, by int32) {
	i, ok := slices.BinarySearchFunc(h.tallies, id, func(t tally, id int32) int { return cmp.Compare(t.id, id) })
	if !ok {
		h.tallies = slices.Insert(h.tallies, i, tally{id, by})
		return
	}
	h.tallies[i].count += by
	if h.tallies[i].count == 0 {
		h.tallies = slices.Delete(h.tallies, i, i+1)
	}
}

func (h *history) clone() history {
	return history{window: h.window, ring: slices.Clone(h.ring), next: h.next, tallies: slices.Clone(h.tallies)}
}
