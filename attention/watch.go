package attention

import "github.com/winnowlm/winnow/internal/vec"

// Watch records the weights of the watched queries of KV head h in
// v.Scores.Mass, query after query. Attend must have done all queries of the
// head. Different heads may run at the same time, each with its own Work.
func (w *Work) Watch(q []float32, pos []int32, v View, p Params, h int) {
	group, sc := p.Group(), v.Scores
	spans := v.Heads[h]
	if sc.logits != nil {
		sc.recall(spans, pos, p, h)
		return
	}
	if sc.Among != nil {
		spans = sc.Among[h]
	}
	for lo := sc.From; lo < len(pos); lo += p.TileQueries() {
		hi := min(lo+p.TileQueries(), len(pos))
		w.load(q, pos, p, spans, h, lo, hi)
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
			if !s.seen(pos[lo:hi], p, w.past) {
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

// recall is Watch for a step of one query, whose logits were noted. Weights are
// made of as many rows at once as lie side by side.
func (sc *Scores) recall(spans []Span, pos []int32, p Params, h int) {
	lo, hi := int32(0), int32(0)
	for i := range spans {
		s := &spans[i]
		switch n := int32(len(s.Pos)); {
		case !s.seen(pos, p, false):
		case s.At == hi:
			hi += n
		default:
			sc.weigh(p, h, int(lo), int(hi))
			lo, hi = s.At, s.At+n
		}
	}
	sc.weigh(p, h, int(lo), int(hi))
}

// weigh records the weights for rows lo..hi-1 of which logits were noted.
func (sc *Scores) weigh(p Params, h, lo, hi int) {
	for g, row := range sc.noted(h, p) {
		head := h*p.Group() + g
		if n := sc.norms[head]; n.sum > 0 {
			vec.ExpSum(row[lo:hi], n.max)
			vec.Scale(row[lo:hi], 1/n.sum)
			sc.record(head, lo, row[lo:hi])
		}
	}
}

// normalize computes the norms of the tile's queries over other spans than
// those attended to.
func (w *Work) normalize(o *Partial, spans []Span, pos []int32, p Params) {
	w.f = vec.Resize(w.f, len(o.max))
	for i := range spans {
		if s := &spans[i]; s.seen(pos, p, w.past) {
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
