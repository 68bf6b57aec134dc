package policy

import (
	"math"
	"sync"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// output is what a layer makes of values: W_o, by the query heads that they
// pass through.
type output struct {
	l     *kvcache.Layer
	width int          // of the layer's output
	w     quant.Matrix // W_oᵀ [NumHeads·Dim][width]
	x     []float32    // the same
}

// newOutput transposes the output weights of l.
func newOutput(l *kvcache.Layer) *output {
	m := l.Weights.Output
	o := &output{l: l, width: m.Rows, x: make([]float32, m.Rows*m.Cols)}
	const rows = 64
	stride := m.Cols + 16 // so that a column's values do not all fall into the same places of a cache
	l.Run((m.Rows+rows-1)/rows, func(i int) {
		lo, hi := i*rows, min((i+1)*rows, m.Rows)
		part := make([]float32, rows*stride)
		for r := lo; r < hi; r++ {
			m.Decode(part[(r-lo)*stride:], r, r+1)
		}
		for d := range m.Cols {
			column := o.x[d*m.Rows:][lo:hi]
			for r := range column {
				column[r] = part[r*stride+d]
			}
		}
	})
	o.w = quant.Pack(quant.F32, o.x, m.Cols, m.Rows)
	return o
}

// weigh multiplies the scores of some rows of KV head h, which ascend, by their
// norms; where no more than seats of them can stay, only of rows that may be
// among these, and others' are −Inf.
func (o *output) weigh(score []float32, h int, rows []int32, seats int) {
	if seats >= len(rows) {
		o.multiply(score, h, rows)
		return
	}
	most := o.l.Floats(len(rows))
	o.bounds(most, h, rows)
	for i, j := range rows {
		most[i] = max(0, most[i]*score[j])
	}
	// Those that could be the best come first; then who could be better.
	best := top(o.l.Slots(len(rows)), most, seats)
	for i, at := range best {
		best[i] = rows[at]
	}
	o.multiply(score, h, best)
	least := float32(math.Inf(1))
	for _, j := range best {
		least = min(least, score[j])
	}
	rest := o.l.Slots(len(rows))[:0]
	for i, j := range rows {
		if len(best) > 0 && best[0] == j {
			best = best[1:]
			continue
		}
		if most[i] < least {
			score[j] = float32(math.Inf(-1))
			continue
		}
		rest = append(rest, j)
	}
	o.multiply(score, h, rest)
}

// multiply multiplies the scores of some rows of KV head h by their norms.
func (o *output) multiply(score []float32, h int, rows []int32) {
	norm := o.l.Floats(len(rows))
	o.norms(norm, h, rows)
	for i, j := range rows {
		score[j] *= norm[i]
	}
}

// normRows is how many rows are multiplied at a time: they, their products with
// a query head's weights, and these stay in the second-level cache.
const normRows = 48

// normScratch is the memory of a tile of rows.
type normScratch struct{ v, product []float32 }

var normScratches = sync.Pool{New: func() any { return new(normScratch) }}

// tiles calls do for the values of some rows of KV head h, [n][Dim], a few at a
// time, of which the first is rows[lo].
func (o *output) tiles(h int, rows []int32, do func(s *normScratch, v []float32, lo, n int)) {
	hd := &o.l.Heads[h]
	o.l.Run((len(rows)+normRows-1)/normRows, func(i int) {
		s := normScratches.Get().(*normScratch)
		defer normScratches.Put(s)
		lo := i * normRows
		n := min(normRows, len(rows)-lo)
		s.v = sized(s.v, n*hd.Dim())
		values(s.v, hd, rows[lo:lo+n])
		do(s, s.v, lo, n)
	})
}

func sized(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}

// values decodes the values of some rows, which ascend.
func values(dst []float32, hd *kvcache.Head, rows []int32) {
	for at := 0; at < len(rows); {
		end := at + 1
		for end < len(rows) && rows[end] == rows[end-1]+1 {
			end++
		}
		hd.Rows(nil, dst[at*hd.Dim():], int(rows[at]), int(rows[end-1])+1)
		at = end
	}
}

// norms writes to dst, for some rows of KV head h, the mean over its query heads
// of ‖W_o·v‖₁: each tile of rows is one product with each head's weights.
func (o *output) norms(dst []float32, h int, rows []int32) {
	dim, group := o.l.Heads[h].Dim(), o.l.Group
	o.tiles(h, rows, func(s *normScratch, v []float32, lo, n int) {
		clear(dst[lo : lo+n])
		for q := h * group; q < (h+1)*group; q++ {
			s.product = sized(s.product, n*o.width)
			clear(s.product)
			o.w.MulAdd(s.product, v, dim, n, q*dim, (q+1)*dim)
			for j := range n {
				dst[lo+j] += quant.Norm1(s.product[j*o.width:][:o.width]) / float32(group)
			}
		}
	})
}

// bounds writes to dst what norms cannot exceed for some rows of KV head h. It
// takes width times less: the mean of ‖x‖₁ over a group is at most
// √(width · mean ‖x‖₂²), and ‖W·v‖₂² is v·(WᵀW)v.
func (o *output) bounds(dst []float32, h int, rows []int32) {
	dim, group := o.l.Heads[h].Dim(), o.l.Group
	gram, part := make([]float32, dim*dim), make([]float32, dim*dim)
	for q := h * group; q < (h+1)*group; q++ {
		var in quant.Input
		in.Set(o.x[q*dim*o.width:], dim, o.width)
		o.w.MulT(part, dim, &in, q*dim, (q+1)*dim)
		for i, x := range part {
			gram[i] += x
		}
	}
	trace := 0.0
	for d := range dim {
		trace += float64(gram[d*dim+d])
	}
	matrix := quant.Pack(quant.F32, gram, dim, dim)
	o.tiles(h, rows, func(s *normScratch, v []float32, lo, n int) {
		s.product = sized(s.product, n*dim)
		clear(s.product)
		matrix.MulAdd(s.product, v, dim, n, 0, dim)
		for j := range n {
			own := v[j*dim:][:dim]
			// What rounding may take away is a small part of the largest product.
			const slack = 1e-5
			square := dot(s.product[j*dim:][:dim], own) + slack*trace*dot(own, own)
			dst[lo+j] = float32((1 + slack) * math.Sqrt(float64(o.width)*square/float64(group)))
		}
	})
}
