package calibrate

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// Moments are the second moments of a weight's input x over the rows that were
// added: Sum [Dim][Dim] holds Σ x_i·x_j, of which GPTQ's Hessian is twice the
// mean. Sums of a call of Add are taken in float32 and added up in float64, in
// an order that does not depend on the number of threads.
type Moments struct {
	Dim, N int
	Sum    []float64

	pool  *par.Pool
	cols  []float32 // [Dim][n] the rows of a call, turned
	bytes []byte
	work  []momentsWork
}

type momentsWork struct {
	in  quant.Input
	out []float32
}

// NewMoments returns the moments of no rows. The pool's workers add.
func NewMoments(dim int, pool *par.Pool) *Moments {
	return &Moments{Dim: dim, Sum: make([]float64, dim*dim), pool: pool, work: make([]momentsWork, pool.Threads())}
}

// momentCols is how many columns of the sum one worker does at a time.
const momentCols = 64

// Add adds the rows x [n][Dim]. Keep n below some hundreds: a call's sums have
// the precision of float32.
func (m *Moments) Add(x []float32) {
	n := len(x) / m.Dim
	if n*m.Dim != len(x) {
		panic(fmt.Sprintf("calibrate: Moments.Add: got %d values, want rows of %d", len(x), m.Dim))
	}
	if n == 0 {
		return
	}
	m.cols = vec.Resize(m.cols, len(x))
	for j := range n {
		for d, v := range x[j*m.Dim : (j+1)*m.Dim] {
			m.cols[d*n+j] = v
		}
	}
	m.bytes = vec.Resize(m.bytes, quant.F32.Size(m.Dim, n))
	quant.F32.Encode(m.bytes, m.cols, m.Dim, n)
	m.pool.Run((m.Dim+momentCols-1)/momentCols, (*momentsTask)(m))
	m.N += n
}

type momentsTask Moments

// Do adds to momentCols columns of the sum, from their diagonal down, and to the
// rows that mirror them.
func (m *momentsTask) Do(worker, i int) {
	w := &m.work[worker]
	n := len(m.cols) / m.Dim
	lo := i * momentCols
	hi := min(lo+momentCols, m.Dim)
	w.in.Set(m.cols[lo*n:], m.Dim-lo, n)
	w.out = vec.Resize(w.out, (m.Dim-lo)*momentCols)
	quant.Matrix{Format: quant.F32, Rows: m.Dim, Cols: n, Data: m.bytes}.MulT(w.out, momentCols, &w.in, lo, hi)
	for r := lo; r < m.Dim; r++ {
		for c := lo; c < min(hi, r+1); c++ {
			m.Sum[r*m.Dim+c] += float64(w.out[(r-lo)*momentCols+c-lo])
			m.Sum[c*m.Dim+r] = m.Sum[r*m.Dim+c]
		}
	}
}

// RMS returns the root mean square of each input channel, [Dim].
func (m *Moments) RMS() []float64 {
	rms := make([]float64, m.Dim)
	for d := range rms {
		rms[d] = math.Sqrt(m.Sum[d*m.Dim+d] / float64(max(1, m.N)))
	}
	return rms
}

// defaultDamping is GPTQ's own.
const defaultDamping = 0.01

// damped returns the sums with the columns in order and a share of the diagonal's
// mean added to the diagonal, and that mean.
func (m *Moments) damped(order []int, share float64) (h *mat.SymDense, mean float64) {
	for d := range m.Dim {
		mean += m.Sum[d*m.Dim+d] / float64(m.Dim)
	}
	h = mat.NewSymDense(m.Dim, nil)
	for a, ra := range order {
		for b := a; b < m.Dim; b++ {
			h.SetSym(a, b, m.Sum[ra*m.Dim+order[b]])
		}
		h.SetSym(a, a, h.At(a, a)+share*mean)
	}
	return h, mean
}

// Energy returns Σ_r e_r·H·e_rᵀ over the rows of e [rows][Dim], H being the mean
// of x·xᵀ: the mean square of e·x, added over the outputs. Of an error of the
// weights it is what GPTQ makes small.
func (m *Moments) Energy(e []float32) float64 {
	total := 0.0
	for _, v := range m.energies(e) {
		total += v
	}
	return total
}

// energies returns e_r·H·e_rᵀ of each row.
func (m *Moments) energies(e []float32) []float64 {
	t := &energyTask{m: m, e: e, out: make([]float64, len(e)/m.Dim), work: make([]momentsWork, m.pool.Threads())}
	h := make([]float32, len(m.Sum))
	for i, v := range m.Sum {
		h[i] = float32(v / float64(max(1, m.N)))
	}
	t.h = quant.Pack(quant.F32, h, m.Dim, m.Dim)
	m.pool.Run((len(t.out)+energyRows-1)/energyRows, t)
	return t.out
}

const energyRows = 16

type energyTask struct {
	m    *Moments
	h    quant.Matrix
	e    []float32
	out  []float64
	work []momentsWork
}

func (t *energyTask) Do(worker, i int) {
	w, dim := &t.work[worker], t.m.Dim
	lo, hi := i*energyRows, min((i+1)*energyRows, len(t.out))
	w.in.Set(t.e[lo*dim:], hi-lo, dim)
	w.out = vec.Resize(w.out, (hi-lo)*dim)
	t.h.MulT(w.out, dim, &w.in, 0, dim)
	for r := lo; r < hi; r++ {
		for d, v := range t.e[r*dim:][:dim] {
			t.out[r] += float64(v) * float64(w.out[(r-lo)*dim+d])
		}
	}
}
