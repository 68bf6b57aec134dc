package model

import (
	"slices"

	"github.com/winnowlm/winnow/attention"
)

// part is the queries of one sequence in a tile.
type part struct {
	kv     KV
	pos    []int32
	lo     int       // the first of pos among the sequence's tokens
	q, dst []float32 // [len(pos)][NumHeads][HeadDim]
	k, v   []float32 // [len(pos)][NumKVHeads][HeadDim]
	view   attention.View
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
		t.parts = append(t.parts, part{kv: sp.kv, pos: s.pos[lo:hi], lo: lo - sp.row,
			q: s.q[a*qd : b*qd], dst: s.mixed[a*qd : b*qd], k: s.k[a*kd : b*kd], v: s.v[a*kd : b*kd]})
	}
	s.caches(i, false)
	for j := range t.parts {
		t.add(j)
	}
	s.m.pool.Run(len(t.jobs), t)
	t.merge()
	s.watch()
	s.caches(i, true)
}

// caches lets the parts' caches take layer i's keys and values or, when done, end
// the layer. Those of sequences that decode together do so side by side; a cache
// that takes many rows shares that work among the threads itself.
func (s *Scratch) caches(i int, done bool) {
	t, parts := &s.tasks.caches, s.tasks.attend.parts
	*t = cachesTask{parts, i, done}
	if !slices.ContainsFunc(parts, func(p part) bool { return len(p.pos) >= attention.BlockRows }) {
		s.m.pool.Run(len(parts), t)
		return
	}
	for j := range parts {
		t.Do(0, j)
	}
}

type cachesTask struct {
	parts []part
	layer int
	done  bool
}

func (t *cachesTask) Do(_, j int) {
	p := &t.parts[j]
	if t.done {
		p.kv.Done(t.layer)
		return
	}
	p.view = p.kv.Update(t.layer, p.lo, p.q, p.k, p.v)
}

// add splits part j into jobs: by head and tile of queries, or, where a single
// tile leaves threads idle, by head and ranges of rows.
func (t *attendTask) add(j int) {
	p, m := &t.parts[j], t.s.m
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
			left = t.share(j, h, n, left)
			continue
		}
		for lo := 0; lo < len(p.pos); lo += tile {
			t.jobs = append(t.jobs, job{part: j, head: h, lo: lo, hi: min(lo+tile, len(p.pos))})
		}
	}
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
