package attention

import "github.com/winnowlm/winnow/internal/vec"

// Watch records the weights of the watched queries of KV head h in
// v.Scores.Mass, query after query. Attend must have done all queries of the
// head. Different heads may run at the same time, each with its own Work.
func (w *Work) Watch(q []float32, pos []int32, v View, p Params, h int) {
	group, sc := p.Group(), v.Scores
	spans := v.Heads[h]
	if sc.Among != nil {
		spans = sc.Among[h]
	}
	for lo := sc.From; lo < len(pos); lo += p.TileQueries() {
		hi := min(lo+p.TileQueries(), len(pos))
		w.load(q, p, spans, h, lo, hi)
		o := &w.one
		o.reset((hi-lo)*group, p.HeadDim)
		if sc.Among != nil {
			w.normalize(o, spans, pos[lo:hi], p)
		} else {
			for r := range o.max {
				n := sc.norms[(lo-sc.From+r/group)*p.NumHeads+h*group+r%group]
				o.max[r], o.sum[r] = n.max, n.sum
			}
		}
		for i := range spans {
			s := &spans[i]
			if !s.seen(pos[lo:hi], p) {
				continue
			}
			w.logits(s, pos[lo:hi], p)
			for r, sum := range o.sum {
				if sum > 0 {
					row := w.s[r*BlockRows:][:len(s.Pos)]
					vec.ExpSum(row, o.max[r])
					vec.Scale(row, 1/sum)
					sc.record(h*group+r%group, int(s.At), row)
				}
			}
		}
	}
}

// normalize computes the norms of the tile's queries over other spans than
// those attended to.
func (w *Work) normalize(o *Partial, spans []Span, pos []int32, p Params) {
	w.f = vec.Resize(w.f, len(o.max))
	for i := range spans {
		if s := &spans[i]; s.seen(pos, p) {
			w.logits(s, pos, p)
			vec.Softmax(w.s, BlockRows, len(s.Pos), o.max, o.sum, w.f)
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
