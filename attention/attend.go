package attention

import (
	"math/bits"
	"sort"

	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// QueryRows is about how many query rows (queries × group) a tile holds: the
// tile, its logits and a block of keys stay in the second-level cache.
const QueryRows = 64

// TileQueries returns how many queries of a step make a tile: a power of two, so
// that few tiles of a prompt lie in two blocks, whose rows both see twice, exact
// and encoded.
func (p Params) TileQueries() int {
	return 1 << max(0, bits.Len(uint(QueryRows/p.Group()))-1)
}

// Work is the scratch memory of one goroutine. The zero value is ready.
type Work struct {
	in, shifted quant.Input
	q, turned   []float32 // [rows][HeadDim] scaled queries; the same for a shifted span
	s           []float32 // [rows][BlockRows] logits, then weights
	one, total  Partial   // of a range, and of all ranges so far
	f, g        []float32 // [rows] factors of what is added up
	cos, sin    []float32
	noted       [][]float32 // where logits are left, as Scores.noted says
	short       Span        // one that is cut
	past        bool        // no query is before any row, or has a window that could end after it
}

// Attend computes the queries lo..hi of the step for the query heads that
// share KV head h, in tiles, with online softmax. Disjoint ranges and heads
// may run at the same time, each with its own Work.
func (w *Work) Attend(dst, q []float32, pos []int32, v View, p Params, h, lo, hi int) {
	check(dst, q, pos, v, p)
	for t := lo; t < hi; t += p.TileQueries() {
		w.tile(dst, q, pos, v, p, h, t, min(t+p.TileQueries(), hi))
	}
}

func (w *Work) tile(dst, q []float32, pos []int32, v View, p Params, h, lo, hi int) {
	w.load(q, pos, p, v.Heads[h], h, lo, hi)
	w.noted = v.Scores.noted(h, p)
	w.total.reset(len(w.q)/p.HeadDim, p.HeadDim)
	spans := v.Heads[h]
	for i := 0; i < len(spans); {
		end := rangeEnd(spans, i)
		w.attend(&w.one, spans[i:], end-i, pos[lo:hi], p)
		w.merge(&w.total, &w.one)
		i = end
	}
	w.total.write(dst, v.Scores, p, h, lo)
}

// Parts computes the queries of a step that is no more than a tile, for KV head
// h and the ranges from r on, one for each of parts.
func (w *Work) Parts(parts []Partial, q []float32, pos []int32, v View, p Params, h, r int) {
	check(q, q, pos, v, p)
	w.load(q, pos, p, v.Heads[h], h, 0, len(pos))
	w.noted = v.Scores.noted(h, p)
	spans := v.Heads[h]
	from := func(r int) int {
		first := RangeStart(r)
		return sort.Search(len(spans), func(i int) bool { return int(spans[i].At) >= first })
	}
	last := from(r + len(parts))
	for i := range parts {
		lo, hi := from(r+i), from(r+i+1)
		w.attend(&parts[i], spans[lo:last], hi-lo, pos, p)
	}
}

// Merge makes of all parts of KV head h what Attend would have written.
func (w *Work) Merge(dst []float32, parts []Partial, v View, p Params, h int) {
	w.total.reset(len(parts[0].max), p.HeadDim)
	for i := range parts {
		w.merge(&w.total, &parts[i])
	}
	w.total.write(dst, v.Scores, p, h, 0)
}

// attend sets o to the attention of the loaded queries to the first n spans;
// those after them are read next.
func (w *Work) attend(o *Partial, spans []Span, n int, pos []int32, p Params) {
	o.reset(len(w.q)/p.HeadDim, p.HeadDim)
	for i := range n {
		s := &spans[i]
		if !s.seen(pos, p, w.past) {
			continue
		}
		next := s.V
		if i+1 < len(spans) {
			next = spans[i+1].K
		}
		if !w.past {
			s = w.cut(s, pos[len(pos)-1])
		}
		if w.plain(s, pos) && quant.Fold(o.acc, &w.in, s.K, s.V, w.s, o.max, o.sum, next) {
			continue
		}
		w.logits(s, pos, p)
		for g, row := range w.noted {
			copy(row[s.At:], w.s[g*BlockRows:][:len(s.Pos)])
		}
		w.fold(o, s, next)
	}
}

// plain reports whether a lone query sees all rows of s as they stand, and nobody
// asks for its logits.
func (w *Work) plain(s *Span, pos []int32) bool {
	return w.past && len(pos) == 1 && w.noted == nil && s.Pick == nil && s.Shift == 0 && len(s.Pos) == s.K.Rows
}

// cut returns s without rows after position at, which no query of the tile sees,
// but for a few that fill a vector. What is noted is of all rows.
func (w *Work) cut(s *Span, at int32) *Span {
	n := len(s.Pos)
	if s.Pos[n-1] <= at || w.noted != nil {
		return s
	}
	const lanes = 16
	n = min(n, (s.after(at)+lanes-1)/lanes*lanes)
	w.short = *s
	w.short.Pos = s.Pos[:n]
	if s.Pick != nil {
		w.short.Pick = s.Pick[:n]
	}
	return &w.short
}

// load gathers the tile's query rows of one KV head, scaled, for products with
// the keys of spans.
func (w *Work) load(q []float32, pos []int32, p Params, spans []Span, h, lo, hi int) {
	gd := p.Group() * p.HeadDim
	w.q = vec.Resize(w.q, (hi-lo)*gd)
	for t := lo; t < hi; t++ {
		copy(w.q[(t-lo)*gd:][:gd], q[t*p.NumHeads*p.HeadDim+h*gd:])
	}
	vec.Scale(w.q, p.Scale)
	rows := (hi - lo) * p.Group()
	w.in.Set(w.q, rows, p.HeadDim)
	w.past = p.Window == 0
	if n := len(spans); n > 0 {
		w.in.Widen(spans[0].K.Format) // if not here, then in each block
		last := spans[n-1].Pos
		w.past = w.past && len(last) > 0 && last[len(last)-1] <= pos[lo]
	}
	w.s = vec.Resize(w.s, rows*BlockRows)
}
