package attention

import (
	"math"

	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// QueryRows is about how many query rows (queries × group) a tile holds: the
// tile, its logits and a block of keys stay in the second-level cache.
const QueryRows = 64

// Work is the scratch memory of one goroutine. The zero value is ready.
type Work struct {
	in, shifted quant.Input
	q, turned   []float32 // [rows][HeadDim] scaled queries; the same for a shifted span
	s           []float32 // [rows][BlockRows] logits, then weights
	acc         []float32 // [rows][HeadDim]
	norm        []norm    // [rows]
	cos, sin    []float32
}

// Attend computes the queries lo..hi of the step for the query heads that
// share KV head h, in tiles, with online softmax. Disjoint ranges and heads
// may run at the same time, each with its own Work.
func (w *Work) Attend(dst, q []float32, pos []int32, v View, p Params, h, lo, hi int) {
	check(dst, q, pos, v, p)
	tile := max(1, QueryRows/p.Group())
	for t := lo; t < hi; t += tile {
		w.tile(dst, q, pos, v, p, h, t, min(t+tile, hi))
	}
}

func (w *Work) tile(dst, q []float32, pos []int32, v View, p Params, h, lo, hi int) {
	group, dim := p.Group(), p.HeadDim
	rows := (hi - lo) * group
	w.load(q, p, h, lo, hi)
	w.acc = zeroed(w.acc, rows*dim)
	w.norm = vec.Resize(w.norm, rows)
	for r := range w.norm {
		w.norm[r] = norm{max: float32(math.Inf(-1))}
	}
	for i := range v.Heads[h] {
		s := &v.Heads[h][i]
		if !s.seen(pos[lo:hi], p) {
			continue
		}
		w.logits(s, pos[lo:hi], p)
		next := s.V
		if i+1 < len(v.Heads[h]) {
			next = v.Heads[h][i+1].K
		}
		w.fold(s, next, dim)
	}
	for r := range rows {
		out := dst[(lo+r/group)*p.NumHeads*dim+(h*group+r%group)*dim:][:dim]
		copy(out, w.acc[r*dim:])
		if w.norm[r].sum > 0 {
			vec.Scale(out, 1/w.norm[r].sum)
		}
	}
	if v.Scores != nil {
		for r := range rows {
			if t := lo + r/group - v.Scores.From; t >= 0 {
				v.Scores.norms[t*p.NumHeads+h*group+r%group] = w.norm[r]
			}
		}
	}
}

// load gathers the tile's query rows of one KV head, scaled.
func (w *Work) load(q []float32, p Params, h, lo, hi int) {
	gd := p.Group() * p.HeadDim
	w.q = vec.Resize(w.q, (hi-lo)*gd)
	for t := lo; t < hi; t++ {
		copy(w.q[(t-lo)*gd:][:gd], q[t*p.NumHeads*p.HeadDim+h*gd:])
	}
	vec.Scale(w.q, p.Scale)
	rows := (hi - lo) * p.Group()
	w.in.Set(w.q, rows, p.HeadDim)
	w.s = vec.Resize(w.s, rows*BlockRows)
}

// fold adds a span, whose logits are in w.s, to the running softmax; the keys
// next are read after it.
func (w *Work) fold(s *Span, next quant.Matrix, dim int) {
	n := len(s.Pos)
	for r := range w.norm {
		row := w.s[r*BlockRows:][:n]
		most := vec.Max(row)
		if math.IsInf(float64(most), -1) {
			clear(row)
			continue
		}
		o := &w.norm[r]
		if most > o.max {
			if o.sum > 0 {
				c := float32(math.Exp(float64(o.max - most)))
				vec.Scale(w.acc[r*dim:][:dim], c)
				o.sum *= c
			}
			o.max = most
		}
		o.sum += vec.ExpSum(row, o.max)
	}
	s.runs(func(at, lo, hi int) {
		s.V.Before(next).MulAdd(w.acc, w.s[at:], BlockRows, len(w.norm), lo, hi)
	})
}

// logits writes q·k of the tile over a span to w.s, −Inf where a query may not
// see a row.
func (w *Work) logits(s *Span, pos []int32, p Params) {
	in := &w.in
	if s.Shift != 0 {
		in = w.turn(s.Shift, p)
	}
	s.runs(func(at, lo, hi int) { s.K.Before(s.V).MulT(w.s[at:], BlockRows, in, lo, hi) })
	inf := float32(math.Inf(-1))
	group, n := p.Group(), len(s.Pos)
	for t, at := range pos {
		first, last := s.visible(at, p.Window)
		if first == 0 && last == n {
			continue
		}
		for r := t * group; r < (t+1)*group; r++ {
			row := w.s[r*BlockRows:][:n]
			fill(row[:first], inf)
			fill(row[last:], inf)
		}
	}
}

// turn rotates the queries back by shift, which is as good as rotating the
// span's keys forward.
func (w *Work) turn(shift int32, p Params) *quant.Input {
	w.turned = append(w.turned[:0], w.q...)
	half := p.Rope.Dim() / 2
	w.cos, w.sin = vec.Resize(w.cos, half), vec.Resize(w.sin, half)
	p.Rope.Angles(w.cos, w.sin, -shift)
	rows := len(w.q) / p.HeadDim
	p.Rope.Rotate(w.turned, w.cos, w.sin, rows, p.HeadDim)
	w.shifted.Set(w.turned, rows, p.HeadDim)
	return &w.shifted
}
