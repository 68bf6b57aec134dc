package model

import (
	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// gated sets hidden to silu(in·gateᵀ)·(in·upᵀ), ready to multiply down.
func (s *Scratch) gated(l *layer) {
	if s.in.N < gatedRows || l.gate.a.Rows > 0 || l.up.a.Rows > 0 {
		s.up = vec.Resize(s.up, s.in.N*l.up.Rows)
		s.multiply(&s.in, product{l.gate, s.gate}, product{l.up, s.up})
		s.activate(l.down)
		return
	}
	if s.Observe != nil {
		s.observe(&s.in, []product{{w: l.gate}, {w: l.up}})
	}
	t := &s.tasks.gated
	t.in, t.out, t.gate, t.up = &s.in, &s.hidden, l.gate.Matrix, l.up.Matrix
	t.codes = reserve(&s.hidden, l.down)
	t.floats = !t.codes || s.Observe != nil
	s.m.pool.Run((l.gate.Rows+gatedCols-1)/gatedCols, t)
}

const (
	// gatedRows is the number of rows from which products by columns pay: of
	// fewer, reading the weights takes the time, which is best done in long
	// streams.
	gatedRows = 32
	// gatedCols is how many columns of hidden are made at a time: what gate and
	// up are for a tile's rows stays in the second-level cache.
	gatedCols = 64
)

// gatedTask makes some columns of out at a time. So neither gate nor up is ever
// written to memory, which for a tile of a small model takes as long as a tenth
// of the products.
type gatedTask struct {
	in, out       *quant.Input
	gate, up      quant.Matrix
	codes, floats bool        // what is made
	work          [][]float32 // of each worker, [gate, up][rows][gatedCols]
}

func (t *gatedTask) Do(worker, i int) {
	lo, hi := i*gatedCols, min((i+1)*gatedCols, t.gate.Rows)
	n, cols := t.in.N, hi-lo
	t.work[worker] = vec.Resize(t.work[worker], 2*n*gatedCols)
	gate, up := t.work[worker][:n*cols], t.work[worker][n*cols:2*n*cols]
	t.gate.MulT(gate, cols, t.in, lo, hi)
	t.up.MulT(up, cols, t.in, lo, hi)
	vec.SiluMul(gate, up)
	if t.codes {
		t.out.EncodeColumns(gate, lo, hi)
	}
	if t.floats {
		for r := range n {
			copy(t.out.X[r*t.out.Cols+lo:], gate[r*cols:][:cols])
		}
	}
}
