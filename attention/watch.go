package attention

import (
	"math"

	"github.com/winnowlm/winnow/internal/vec"
)

// Watch records the weights of the watched queries of KV head h in
// v.Scores.Mass, query after query. Attend must have done all queries of the
// head. Different heads may run at the same time, each with its own Work.
func (w *Work) Watch(q []float32, pos []int32, v View, p Params, h int) {
	group, sc := p.Group(), v.Scores
	spans := v.Heads[h]
	if sc.Among != nil {
		spans = sc.Among[h]
	}
	tile := max(1, QueryRows/group)
	for lo := sc.From; lo < len(pos); lo += tile {
		hi := min(lo+tile, len(pos))
		w.load(q, p, h, lo, hi)
		rows := (hi - lo) * group
		w.norm = vec.Resize(w.norm, rows)
		if sc.Among != nil {
			w.normalize(spans, pos[lo:hi], p)
		} else {
			for r := range rows {
				w.norm[r] = sc.norms[(lo-sc.From+r/group)*p.NumHeads+h*group+r%group]
			}
		}
		for i := range spans {
			s := &spans[i]
			if !s.seen(pos[lo:hi], p) {
				continue
			}
			w.logits(s, pos[lo:hi], p)
			for r := range rows {
				if o := w.norm[r]; o.sum > 0 {
					row := w.s[r*BlockRows:][:len(s.Pos)]
					vec.ExpSum(row, o.max)
					vec.Scale(row, 1/o.sum)
					sc.record(h*group+r%group, int(s.At), row)
				}
			}
		}
	}
}

// normalize computes the norms of the tile's queries over other spans than
// those attended to.
func (w *Work) normalize(spans []Span, pos []int32, p Params) {
	for r := range w.norm {
		w.norm[r] = norm{max: float32(math.Inf(-1))}
	}
	for i := range spans {
		s := &spans[i]
		if !s.seen(pos, p) {
			continue
		}
		w.logits(s, pos, p)
		for r := range w.norm {
			row := w.s[r*BlockRows:][:len(s.Pos)]
			o := &w.norm[r]
			most := max(o.max, vec.Max(row))
			if math.IsInf(float64(most), -1) {
				continue
			}
			if o.sum > 0 {
				o.sum *= float32(math.Exp(float64(o.max - most)))
			}
			o.max = most
			o.sum += vec.ExpSum(row, most)
		}
	}
}

// record adds a query's weights for the rows from at on, or keeps the larger.
func (sc *Scores) record(head, at int, row []float32) {
	mass := sc.Mass[head][at:][:len(row)]
	if !sc.Most {
		vec.Add(mass, row)
		return
	}
	for j, x := range row {
		mass[j] = max(mass[j], x)
	}
}
