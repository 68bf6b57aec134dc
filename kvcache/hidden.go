package kvcache

import (
	"slices"
	"sort"
)

// hidden is how a policy sees a head with pinned rows: without them. Its slots
// count the others alone, which are runs of the head's own slots.
type hidden struct {
	pins  []Range
	runs  []run
	n     int       // rows in all runs
	pos   []int32   // their positions
	score []float32 // their scores; nil: not asked for
	mem   struct {  // of several runs' columns
		pos   []int32
		score []float32
	}
}

// run is the slots at, …, at+n-1.
type run struct{ at, n int }

// hide has v hide the head's rows at these positions.
func (hd *Head) hide(v *hidden, pins []Range) {
	hd.hidden, v.pins = v, pins
	v.look(hd)
}

// look finds the rows that are not hidden.
func (v *hidden) look(hd *Head) {
	v.runs, v.n, v.score = v.runs[:0], 0, nil
	at := 0
	for j := 0; j <= len(v.pins); j++ {
		end, next := len(hd.pos), 0
		if j < len(v.pins) {
			end, next = slotOf(hd.pos, v.pins[j].From), slotOf(hd.pos, v.pins[j].To)
		}
		if end > at {
			v.runs = append(v.runs, run{at, end - at})
			v.n += end - at
		}
		at = next
	}
	v.pos = gather(&v.mem.pos, hd.pos, v.runs)
}

// slotOf returns the slot of the first row at position p or later.
func slotOf(pos []int32, p int32) int {
	return sort.Search(len(pos), func(j int) bool { return pos[j] >= p })
}

// gather returns the runs of a column: a part of it if there is but one, else
// a copy in mem.
func gather[T any](mem *[]T, column []T, runs []run) []T {
	if len(runs) == 1 {
		return column[runs[0].at:][:runs[0].n]
	}
	*mem = (*mem)[:0]
	for _, r := range runs {
		*mem = append(*mem, column[r.at:r.at+r.n]...)
	}
	return *mem
}

// scores returns the scores of the rows that are not hidden.
func (v *hidden) scores(hd *Head) []float32 {
	if v.score == nil {
		v.score = gather(&v.mem.score, hd.fillScore(), v.runs)
	}
	return v.score
}

// store writes a copy of the scores back to the head.
func (v *hidden) store(hd *Head) {
	if v == nil || v.score == nil || len(v.runs) == 1 {
		return
	}
	at := 0
	for _, r := range v.runs {
		at += copy(hd.score[r.at:r.at+r.n], v.score[at:])
	}
}

// slot returns the head's slot for one of those that are not hidden.
func (v *hidden) slot(j int) int {
	for _, r := range v.runs {
		if j < r.n {
			return r.at + j
		}
		j -= r.n
	}
	panic("kvcache: a slot beyond the last")
}

// each calls do for the parts of the slots lo, …, hi-1 that are the head's slots
// from, …, from+n-1, the last ones first.
func (v *hidden) each(lo, hi int, do func(from, n int)) {
	end := v.n
	for _, r := range slices.Backward(v.runs) {
		base := end - r.n
		if from, to := max(lo, base), min(hi, end); from < to {
			do(r.at+from-base, to-from)
		}
		end = base
	}
}

// with appends to dst the head's slots for own and for all rows that are
// hidden, ascending; rows is how many the head has.
func (v *hidden) with(dst, own []int32, rows int) []int32 {
	at, base := 0, 0
	for _, r := range v.runs {
		dst = appendSlots(dst, at, r.at)
		for len(own) > 0 && int(own[0]) < base+r.n {
			dst = append(dst, int32(r.at-base)+own[0])
			own = own[1:]
		}
		at, base = r.at+r.n, base+r.n
	}
	return appendSlots(dst, at, rows)
}

func appendSlots(dst []int32, lo, hi int) []int32 {
	for j := lo; j < hi; j++ {
		dst = append(dst, int32(j))
	}
	return dst
}

// without appends to dst those of mass, recorded for these slots of the head, or
// for all if nil, that are not of hidden rows.
func (v *hidden) without(dst, mass []float32, slots []int32) []float32 {
	at := 0
	for _, r := range v.runs {
		if slots == nil {
			dst = append(dst, mass[r.at:r.at+r.n]...)
			continue
		}
		for ; at < len(slots) && int(slots[at]) < r.at+r.n; at++ {
			if int(slots[at]) >= r.at {
				dst = append(dst, mass[at])
			}
		}
	}
	return dst
}

// clone returns a copy for a clone of the head.
func (v *hidden) clone() *hidden {
	if v == nil {
		return nil
	}
	c := *v
	c.runs, c.pos, c.score = slices.Clone(v.runs), slices.Clone(v.pos), slices.Clone(v.score)
	c.mem.pos, c.mem.score = c.pos, c.score
	return &c
}
