package attention

import (
	"math"

	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// logits writes q·k of the tile over a span to w.s, −Inf where a query may not
// see a row.
func (w *Work) logits(s *Span, pos []int32, p Params) {
	in := &w.in
	if s.Shift != 0 {
		in = w.turn(s.Shift, p)
	}
	w.dot(s, in)
	if w.past && len(pos) == 1 {
		return
	}
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

// dot multiplies with the keys. Of a choice of rows it takes all from the first
// to the last: one product of a few rows too many is quicker than several.
func (w *Work) dot(s *Span, in *quant.Input) {
	k, n := s.K.Before(s.V), len(s.Pos)
	if s.Pick == nil {
		k.MulT(w.s, BlockRows, in, 0, n)
		return
	}
	first := s.Pick[0]
	k.MulT(w.s, BlockRows, in, int(first), int(s.Pick[n-1])+1)
	if int(s.Pick[n-1]-first) == n-1 {
		return
	}
	for r := range in.N {
		row := w.s[r*BlockRows:][:BlockRows]
		for j, at := range s.Pick {
			row[j] = row[at-first]
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
