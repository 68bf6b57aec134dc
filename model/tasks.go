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
	embed    embedTask
	norm     normTask
	encode   encodeTask
	silu     siluTask
	gated    gatedTask
	position positionTask
	add      addTask
	products productsTask
	correct  correctTask
	caches   cachesTask
	attend   attendTask
	watch    watchTask
	work     []attention.Work // [threads]
}

// rowsPerTask returns how many rows of n one call of an element-wise task does:
// few, so that some sequences that decode together occupy several threads, but
// enough of many that taking them costs nothing.
func rowsPerTask(n int) int {
	if n < 64 {
		return 2
	}
	return 8
}

// run does n rows, a few at a time.
func (s *Scratch) run(n int, t par.Task) {
	rows := rowsPerTask(n)
	s.m.pool.Run((n+rows-1)/rows, t)
}

// taskRows returns the rows that iteration i does, of n.
func taskRows(i, n int) (lo, hi int) {
	rows := rowsPerTask(n)
	return i * rows, min((i+1)*rows, n)
}

// embedTask decodes the embeddings of the vocabulary's tokens and computes the
// angles of all.
type embedTask struct{ s *Scratch }

func (t *embedTask) Do(_, i int) {
	s, m := t.s, t.s.m
	d, half := m.config.HiddenSize, m.rope.Dim()/2
	lo, hi := taskRows(i, s.rows)
	for r := lo; r < hi; r++ {
		if id := int(s.ids[r]); id >= 0 {
			m.embed.Decode(s.x[r*d:][:d], id, id+1)
		}
		m.rope.Angles(s.cos[r*half:][:half], s.sin[r*half:][:half], s.pos[r])
	}
}

// normTask normalizes rows of x, to which it adds those of delta first if that is
// not nil.
type normTask struct {
	s        *Scratch
	in       *quant.Input
	delta, w []float32
	codes    bool
}

func (t *normTask) Do(_, i int) {
	lo, hi := taskRows(i, t.in.N)
	d := len(t.w)
	for r := lo; r < hi; r++ {
		x := t.s.x[(t.s.lo+r)*d:][:d]
		if t.delta != nil {
			vec.Add(x, t.delta[r*d:][:d])
		}
		vec.RMSNorm(t.in.X[r*d:][:d], x, t.w, t.s.m.config.RMSNormEps)
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

// addTask adds delta to rows of x.
type addTask struct{ s *Scratch }

func (t *addTask) Do(_, i int) {
	s, d := t.s, t.s.m.config.HiddenSize
	lo, hi := taskRows(i, s.hi-s.lo)
	vec.Add(s.x[(s.lo+lo)*d:(s.lo+hi)*d], s.delta[lo*d:hi*d])
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
