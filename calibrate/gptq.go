package calibrate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/winnowlm/winnow/quant"
)

// GPTQ chooses the codes of a weight one column after another, and lets the
// columns that follow make up for the error of those that are done (Frantar et
// al. 2022, arXiv 2210.17323). The result is an ordinary matrix of its format:
// the scales are those that the format's Encode finds. The zero value is ready.
type GPTQ struct {
	// Damping is added to the diagonal of the Hessian as a share of its mean;
	// 0: 0.01.
	Damping float64

	// Natural takes the columns in their order, and finds the scales of a block
	// when its turn comes, from weights that make up for the errors so far.
	// Otherwise columns go by falling second moment of their input, so that the
	// most important ones err least, with the scales of the given weight.
	Natural bool
}

// lazy is how many columns are done before the rest is brought up to date.
const lazy = 128

// Quantize returns w [rows][m.Dim] in the format f, one for which quant.CodesOf
// has codes. A row for which rounding to nearest does better, by the error of
// its output, is rounded.
func (g GPTQ) Quantize(f quant.Format, w []float32, rows int, m *Moments) (quant.Matrix, error) {
	codes, ok := quant.CodesOf(f)
	if !ok {
		return quant.Matrix{}, fmt.Errorf("calibrate: GPTQ: format %s has no codes on a line", f.Name())
	}
	if rows*m.Dim > len(w) || m.Dim%f.Block() != 0 {
		panic(fmt.Sprintf("calibrate: GPTQ: got %d values and moments of %d, want %d rows of whole blocks of %d", len(w), m.Dim, rows, f.Block()))
	}
	w = w[:rows*m.Dim]
	order := g.order(m)
	u, err := g.factor(m, order)
	if err != nil {
		return quant.Matrix{}, err
	}
	q := quant.Pack(f, w, rows, m.Dim)
	t := &gptqTask{
		codes: codes, natural: g.Natural, order: order, w: w, out: q, rounded: slices.Clone(q.Data),
		near: u.near, far: u.far, work: make([]gptqWork, m.pool.Threads()),
	}
	m.pool.Run((rows+gptqRows-1)/gptqRows, t)
	t.keepBetter(m)
	return q, nil
}

// order returns the columns in the order in which they are done.
func (g GPTQ) order(m *Moments) []int {
	order := make([]int, m.Dim)
	for d := range order {
		order[d] = d
	}
	if !g.Natural {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(m.Sum[b*m.Dim+b], m.Sum[a*m.Dim+a]) })
	}
	return order
}

// upper is the factor U of the inverse Hessian, H⁻¹ = Uᵀ·U, in two parts.
type upper struct {
	near []float32    // [cols][lazy] of row j the columns of j's own lazy block
	far  quant.Matrix // [cols][cols] the columns after that block, 0 elsewhere
}

// factor returns the factor of the damped Hessian whose columns are in order.
func (g GPTQ) factor(m *Moments, order []int) (upper, error) {
	h, mean := m.damped(order, cmp.Or(g.Damping, defaultDamping))
	if !(mean > 0) || math.IsInf(mean, 0) {
		return upper{}, fmt.Errorf("calibrate: GPTQ: the mean second moment of %d inputs is %v, want a finite one above 0", m.Dim, mean)
	}
	var chol mat.Cholesky
	var inverse mat.SymDense
	var u mat.TriDense
	if !chol.Factorize(h) || chol.InverseTo(&inverse) != nil || !chol.Factorize(&inverse) {
		return upper{}, errors.New("calibrate: GPTQ: the Hessian cannot be factored: more text or more damping is needed")
	}
	chol.UTo(&u)
	near, far := make([]float32, m.Dim*lazy), make([]float32, m.Dim*m.Dim)
	for j := range m.Dim {
		end := min(j/lazy*lazy+lazy, m.Dim)
		for k := j; k < end; k++ {
			near[j*lazy+k%lazy] = float32(u.At(j, k))
		}
		for k := end; k < m.Dim; k++ {
			far[j*m.Dim+k] = float32(u.At(j, k))
		}
	}
	return upper{near, quant.Pack(quant.F32, far, m.Dim, m.Dim)}, nil
}

// gptqRows is how many rows a worker takes at once.
const gptqRows = 16

// gptqTask quantizes rows, which do not depend on each other. Weights, lines
// and codes of a worker are in the order in which columns are done.
type gptqTask struct {
	codes   quant.Codes
	natural bool
	order   []int
	w       []float32    // [rows][cols]
	out     quant.Matrix // rounded to nearest at first
	rounded []byte
	near    []float32
	far     quant.Matrix
	work    []gptqWork
}

type gptqWork struct {
	w, errs        []float32 // [gptqRows][cols], [gptqRows][lazy]
	scale, minimum []float32 // [gptqRows][cols]
	code           []int     // [gptqRows][cols]
	line           []float32 // [2][cols] of a row, in the order of the matrix
	turned         []int
}

func (t *gptqTask) Do(worker, i int) {
	s, cols := &t.work[worker], t.out.Cols
	if s.w == nil {
		x := make([]float32, gptqRows*(3*cols+lazy))
		s.w, s.scale, s.minimum, s.errs = x[:gptqRows*cols], x[gptqRows*cols:2*gptqRows*cols], x[2*gptqRows*cols:3*gptqRows*cols], x[3*gptqRows*cols:]
		s.code, s.line, s.turned = make([]int, gptqRows*cols), make([]float32, 2*cols), make([]int, cols)
	}
	lo, hi := i*gptqRows, min((i+1)*gptqRows, t.out.Rows)
	for r := lo; r < hi; r++ {
		for j, d := range t.order {
			s.w[(r-lo)*cols+j] = t.w[r*cols+d]
		}
		if !t.natural {
			t.lines(s, r, r-lo)
		}
	}
	for at := 0; at < cols; at += lazy {
		end := min(at+lazy, cols)
		for r := lo; r < hi; r++ {
			t.columns(s, r, r-lo, at, end)
		}
		t.far.MulAdd(s.w, s.errs, lazy, hi-lo, at, end) // errs are negative
	}
	for r := lo; r < hi; r++ {
		for j, d := range t.order {
			s.turned[d] = s.code[(r-lo)*cols+j]
		}
		t.codes.Set(t.out.Row(r), s.turned)
	}
}

// lines reads the scales of the whole row r to row i of the worker's.
func (t *gptqTask) lines(s *gptqWork, r, i int) {
	cols := t.out.Cols
	t.codes.Lines(s.line[:cols], s.line[cols:], t.out.Row(r))
	for j, d := range t.order {
		s.scale[i*cols+j], s.minimum[i*cols+j] = s.line[d], s.line[cols+d]
	}
}

// columns chooses codes of row r for the columns at..end, and leaves in errs by
// how much the columns after them are to change.
func (t *gptqTask) columns(s *gptqWork, r, i, at, end int) {
	cols, block := t.out.Cols, t.out.Format.Block()
	w, scale, minimum, code, errs := s.w[i*cols:][:cols], s.scale[i*cols:][:cols], s.minimum[i*cols:][:cols], s.code[i*cols:][:cols], s.errs[i*lazy:][:lazy]
	for j := at; j < end; j++ {
		if t.natural && j%block == 0 {
			size := t.out.Format.Size(1, block)
			dst := t.out.Row(r)[j/block*size:][:size]
			t.out.Format.Encode(dst, w[j:j+block], 1, block)
			t.codes.Lines(scale[j:j+block], minimum[j:j+block], dst)
		}
		var value float32
		code[j], value = t.nearest(w[j], scale[j], minimum[j])
		near := t.near[j*lazy:][:end-at]
		e := (value - w[j]) / near[j-at]
		errs[j-at] = e
		for k := j + 1; k < end; k++ {
			w[k] += e * near[k-at]
		}
	}
	clear(errs[end-at:])
}

// nearest returns the code whose value is closest to w, and the value.
func (t *gptqTask) nearest(w, scale, minimum float32) (int, float32) {
	if scale == 0 {
		return 0, -minimum
	}
	c := math.RoundToEven(float64((w + minimum) / scale))
	c = max(float64(t.codes.Lo), min(c, float64(t.codes.Hi)))
	return int(c), float32(scale*float32(c)) - minimum
}

// keepBetter puts back the rows that rounding to nearest does better.
func (t *gptqTask) keepBetter(m *Moments) {
	rounded := quant.Matrix{Format: t.out.Format, Rows: t.out.Rows, Cols: t.out.Cols, Data: t.rounded}
	was, is := m.energies(difference(t.w, rounded)), m.energies(difference(t.w, t.out))
	for r := range was {
		if was[r] < is[r] {
			copy(t.out.Row(r), rounded.Row(r))
		}
	}
}

// difference returns the stored matrix minus w.
func difference(w []float32, q quant.Matrix) []float32 {
	e := make([]float32, len(w))
	q.Decode(e, 0, q.Rows)
	for i, v := range w {
		e[i] -= v
	}
	return e
}
