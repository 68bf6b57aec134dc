package attention

import (
	"math"

	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// Partial is the attention of some query rows to some cached rows, yet to be
// normalized: max is the largest logit, sum the sum of exp(logit−max), and acc
// that of exp(logit−max)·v.
type Partial struct {
	max, sum []float32 // [rows]
	acc      []float32 // [rows][HeadDim]
}

// reset makes o the attention of rows to nothing.
func (o *Partial) reset(rows, dim int) {
	o.max, o.sum, o.acc = vec.Resize(o.max, rows), zeroed(o.sum, rows), zeroed(o.acc, rows*dim)
	fill(o.max, float32(math.Inf(-1)))
}

// fold adds a span, whose logits are in w.s; the keys next are read after it.
func (w *Work) fold(o *Partial, s *Span, next quant.Matrix) {
	w.f = vec.Resize(w.f, len(o.max))
	vec.Softmax(w.s, BlockRows, len(s.Pos), o.max, o.sum, w.f)
	dim := s.V.Cols
	for r, c := range w.f {
		if c != 1 {
			vec.Scale(o.acc[r*dim:][:dim], c)
		}
	}
	v := s.V.Before(next)
	if s.Pick == nil {
		v.MulAdd(o.acc, w.s, BlockRows, len(o.max), 0, len(s.Pos))
		return
	}
	for at := 0; at < len(s.Pick); {
		end := at + 1
		for end < len(s.Pick) && s.Pick[end] == s.Pick[end-1]+1 {
			end++
		}
		v.MulAdd(o.acc, w.s[at:], BlockRows, len(o.max), int(s.Pick[at]), int(s.Pick[end-1])+1)
		at = end
	}
}

// merge adds o to the sum t: both are brought to the larger of their maxima.
func (w *Work) merge(t, o *Partial) {
	n := len(t.max)
	if n == 0 {
		return
	}
	w.f, w.g = vec.Resize(w.f, n), vec.Resize(w.g, n)
	for r, m := range o.max {
		m = max(m, t.max[r])
		base := max(m, -math.MaxFloat32) // of rows that see nothing
		w.f[r], w.g[r] = t.max[r]-base, o.max[r]-base
		t.max[r] = m
	}
	vec.ExpSum(w.f, 0)
	vec.ExpSum(w.g, 0)
	dim := len(t.acc) / n
	for r, f := range w.f {
		t.sum[r] = t.sum[r]*f + o.sum[r]*w.g[r]
		vec.Mix(t.acc[r*dim:][:dim], o.acc[r*dim:][:dim], f, w.g[r])
	}
}

// write stores o, of the queries from lo on, normalized, and what normalized it.
func (o *Partial) write(dst []float32, scores *Scores, p Params, h, lo int) {
	group, dim := p.Group(), p.HeadDim
	for r, sum := range o.sum {
		t, head := lo+r/group, h*group+r%group
		acc := o.acc[r*dim:][:dim]
		if sum > 0 {
			vec.Scale(acc, 1/sum) // here and not in dst, which is seldom in the cache
		}
		copy(dst[(t*p.NumHeads+head)*dim:], acc)
		if scores != nil && t >= scores.From {
			scores.norms[(t-scores.From)*p.NumHeads+head] = norm{o.max[r], sum}
		}
	}
}
