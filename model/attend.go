package model

import (
	"slices"

	"github.com/winnowlm/winnow/attention"
)

// part is the queries of one sequence in a tile.
type part struct {
	view   attention.View
	q, dst []float32 // [len(pos)][NumHeads][HeadDim]
	pos    []int32
	kv     KV
}

// job is the queries lo..hi of a part for one KV head; or, if ranges is not 0,
// all of them for so many ranges of the head's rows from first on.
type job struct{ part, head, lo, hi, first, ranges, partial int }

// shared is a KV head whose ranges several jobs do, and where their results are.
type shared struct{ part, head, partial, ranges int }

// jobsPerThread is into how many jobs for each thread what is left of the rows
// is cut. Jobs so become shorter, and threads end at about the same time.
const jobsPerThread = 4

type attendTask struct {
	s        *Scratch
	parts    []part
	jobs     []job
	shared   []shared
	partials []attention.Partial // of all shared heads
}

// attention stores the tile's keys and values and attends, each sequence to its
// own cache.
func (s *Scratch) attention(i int) {
	c := &s.m.config
	qd, kd := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	t := &s.tasks.attend
	t.s, t.parts, t.jobs, t.shared, t.partials = s, t.parts[:0], t.jobs[:0], t.shared[:0], t.partials[:0]
	for _, sp := range s.spans {
		lo, hi := max(sp.row, s.lo), min(sp.row+sp.n, s.hi)
		if lo >= hi {
			continue
		}
		a, b := lo-s.lo, hi-s.lo
		q := s.q[a*qd : b*qd]
		view := sp.kv.Update(i, lo-sp.row, q, s.k[a*kd:b*kd], s.v[a*kd:b*kd])
		t.add(part{view: view, q: q, dst: s.mixed[a*qd : b*qd], pos: s.pos[lo:hi], kv: sp.kv})
	}
	s.m.pool.Run(len(t.jobs), t)
	t.merge()
	s.watch()
	for j := range t.parts {
		t.parts[j].kv.Done(i)
	}
}

// add splits a part into jobs: by head and tile of queries, or, where a single
// tile leaves threads idle, by head and ranges of rows.
func (t *attendTask) add(p part) {
	m := t.s.m
	tile := m.att.TileQueries()
	left := 0 // rows of heads that are shared
	ranges := func(h int) int {
		if n := p.view.Ranges(h); n > 1 && len(p.pos) <= tile && m.pool.Threads() > 1 {
			return n
		}
		return 0
	}
	for h := range m.att.NumKVHeads {
		left += attention.RangeStart(ranges(h))
	}
	for h := range m.att.NumKVHeads {
		if n := ranges(h); n > 0 {
			left = t.share(len(t.parts), h, n, left)
			continue
		}
		for lo := 0; lo < len(p.pos); lo += tile {
			t.jobs = append(t.jobs, job{part: len(t.parts), head: h, lo: lo, hi: min(lo+tile, len(p.pos))})
		}
	}
	t.parts = append(t.parts, p)
}

// share splits n ranges of a head into jobs, the last and longest ranges first:
// of the rows left of this head and those after it, each job does a share.
func (t *attendTask) share(part, head, n, left int) int {
	at := len(t.partials)
	t.partials = slices.Grow(t.partials, n)[:at+n]
	t.shared = append(t.shared, shared{part, head, at, n})
	for end := n; end > 0; {
		r, most := end-1, left/(jobsPerThread*t.s.m.pool.Threads())
		for r > 0 && attention.RangeStart(end)-attention.RangeStart(r-1) <= most {
			r--
		}
		t.jobs = append(t.jobs, job{part: part, head: head, first: r, ranges: end - r, partial: at + r})
		left -= attention.RangeStart(end) - attention.RangeStart(r)
		end = r
	}
	return left
}

func (t *attendTask) Do(worker, i int) {
	j := t.jobs[i]
	p, w := &t.parts[j.part], &t.s.tasks.work[worker]
	if j.ranges > 0 {
		w.Parts(t.partials[j.partial:][:j.ranges], p.q, p.pos, p.view, t.s.m.att, j.head, j.first)
		return
	}
	w.Attend(p.dst, p.q, p.pos, p.view, t.s.m.att, j.head, j.lo, j.hi)
}

// merge adds up what was shared. It is little: a vector for each head and range.
func (t *attendTask) merge() {
	for _, s := range t.shared {
		p := &t.parts[s.part]
		t.s.tasks.work[0].Merge(p.dst, t.partials[s.partial:][:s.ranges], p.view, t.s.m.att, s.head)
	}
}

// watch fills the scores of the parts that are watched, a KV head per job.
func (s *Scratch) watch() {
	t := &s.tasks.watch
	t.s, t.jobs = s, t.jobs[:0]
	for i := range s.tasks.attend.parts {
		if s.tasks.attend.parts[i].view.Scores == nil {
			continue
		}
		for h := range s.m.att.NumKVHeads {
			t.jobs = append(t.jobs, job{part: i, head: h})
		}
	}
	s.m.pool.Run(len(t.jobs), t)
}

type watchTask struct {
	s    *Scratch
	jobs []job
}

func (t *watchTask) Do(worker, i int) {
	j := t.jobs[i]
	p := &t.s.tasks.attend.parts[j.part]
	t.s.tasks.work[worker].Watch(p.q, p.pos, p.view, t.s.m.att, j.head)
}
