package model

import (
	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// tasks are the loop bodies that run on the pool. They live in the Scratch, so
// that a step allocates nothing.
type tasks struct {
	norm     normTask
	encode   encodeTask
	silu     siluTask
	position positionTask
	products productsTask
	correct  correctTask
	attend   attendTask
	watch    watchTask
	work     []attention.Work // [threads]
}

// rowsPerTask is how many rows of a tile one call of an element-wise task does.
const rowsPerTask = 8

// run does n rows, a few at a time.
func (s *Scratch) run(n int, t par.Task) {
	s.m.pool.Run((n+rowsPerTask-1)/rowsPerTask, t)
}

// taskRows returns the rows that iteration i does, of n.
func taskRows(i, n int) (lo, hi int) { return i * rowsPerTask, min((i+1)*rowsPerTask, n) }

type normTask struct {
	s     *Scratch
	in    *quant.Input
	w     []float32
	codes bool
}

func (t *normTask) Do(_, i int) {
	lo, hi := taskRows(i, t.in.N)
	d := len(t.w)
	for r := lo; r < hi; r++ {
		vec.RMSNorm(t.in.X[r*d:][:d], t.s.x[(t.s.lo+r)*d:][:d], t.w, t.s.m.config.RMSNormEps)
	}
	if t.codes {
		t.in.EncodeRows(lo, hi)
	}
}

type encodeTask struct{ in *quant.Input }

func (t *encodeTask) Do(_, i int) { t.in.EncodeRows(taskRows(i, t.in.N)) }

type siluTask struct {
	s     *Scratch
	codes bool
}

func (t *siluTask) Do(_, i int) {
	in := &t.s.hidden
	lo, hi := taskRows(i, in.N)
	vec.SiluMul(in.X[lo*in.Cols:hi*in.Cols], t.s.up[lo*in.Cols:hi*in.Cols])
	if t.codes {
		in.EncodeRows(lo, hi)
	}
}

type positionTask struct {
	s *Scratch
	l *layer
}

func (t *positionTask) Do(_, i int) {
	s, c := t.s, &t.s.m.config
	lo, hi := taskRows(i, s.hi-s.lo)
	half := s.m.rope.Dim() / 2
	for r := lo; r < hi; r++ {
		at := (s.lo + r) * half
		cos, sin := s.cos[at:][:half], s.sin[at:][:half]
		t.heads(s.q, t.l.qBias, t.l.qNorm, cos, sin, r, c.NumHeads)
		t.heads(s.k, t.l.kBias, t.l.kNorm, cos, sin, r, c.NumKVHeads)
		if t.l.vBias != nil {
			vec.Add(s.v[r*len(t.l.vBias):][:len(t.l.vBias)], t.l.vBias)
		}
	}
}

// heads prepares row r of x, [n][heads][HeadDim].
func (t *positionTask) heads(x, bias, norm, cos, sin []float32, r, heads int) {
	c := &t.s.m.config
	row := x[r*heads*c.HeadDim:][:heads*c.HeadDim]
	if bias != nil {
		vec.Add(row, bias)
	}
	if norm != nil {
		for h := range heads {
			head := row[h*c.HeadDim:][:c.HeadDim]
			vec.RMSNorm(head, head, norm, c.RMSNormEps)
		}
	}
	t.s.m.rope.Rotate(row, cos, sin, heads, c.HeadDim)
}

// part is the queries of one sequence in a tile.
type part struct {
	view   attention.View
	q, dst []float32 // [len(pos)][NumHeads][HeadDim]
	pos    []int32
	kv     KV
}

// job is the queries lo..hi of a part for one KV head.
type job struct{ part, head, lo, hi int }

type attendTask struct {
	s     *Scratch
	parts []part
	jobs  []job
}

// add splits a part into jobs.
func (t *attendTask) add(p part) {
	att := &t.s.m.att
	step := max(1, attention.QueryRows/att.Group())
	for h := range att.NumKVHeads {
		for lo := 0; lo < len(p.pos); lo += step {
			t.jobs = append(t.jobs, job{len(t.parts), h, lo, min(lo+step, len(p.pos))})
		}
	}
	t.parts = append(t.parts, p)
}

func (t *attendTask) Do(worker, i int) {
	j := t.jobs[i]
	p := &t.parts[j.part]
	t.s.tasks.work[worker].Attend(p.dst, p.q, p.pos, p.view, t.s.m.att, j.head, j.lo, j.hi)
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
