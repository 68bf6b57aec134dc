package model

import (
	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// linear is a weight W and, where the model has one, the pair of thin matrices
// that corrects it: y = W·x + B·(A·x). LoRC makes such pairs of what
// quantization lost, LoRA by training.
type linear struct {
	quant.Matrix              // W [out][in]
	name         string       // of W in the file
	a            quant.Matrix // A [rank][in]; rank 0: no correction
	b            quant.Matrix // Bᵀ [rank][out]
}

// product is a matrix to multiply an input by, and where the result goes:
// dst [n][w.Rows] = in·wᵀ.
type product struct {
	w   linear
	dst []float32
}

// chunkBytes is about how much of a weight one iteration reads: enough for long
// streams through memory, and for an input to be used while it is in the
// second-level cache; little enough to share evenly.
const chunkBytes = 1 << 20

// productsTask multiplies one input by several matrices in one parallel region,
// whose iterations are chunks of weight rows.
type productsTask struct {
	in    *quant.Input
	items []matrixProduct
	n     int // iterations
}

type matrixProduct struct {
	w    quant.Matrix
	dst  []float32
	rows int // of one chunk
	end  int // iterations up to and with this item
}

// multiply computes the products.
func (s *Scratch) multiply(in *quant.Input, items ...product) {
	if s.Observe != nil {
		s.observe(in, items)
	}
	t, c := &s.tasks.products, &s.tasks.correct
	t.in, t.items, t.n = in, t.items[:0], 0
	c.items = c.items[:0]
	threads, low := s.m.pool.Threads(), 0
	for _, p := range items {
		t.add(p.w.Matrix, p.dst, threads)
		low += in.N * p.w.a.Rows
	}
	s.low = vec.Resize(s.low, low)
	for _, p := range items {
		if p.w.a.Rows > 0 {
			low -= in.N * p.w.a.Rows
			t.add(p.w.a, s.low[low:], threads)
			c.items = append(c.items, correction{p, s.low[low:]})
		}
	}
	s.m.pool.Run(t.n, t)
	if len(c.items) > 0 {
		c.n = in.N
		s.run(in.N, c)
	}
}

// observe shows an input that is about to be multiplied, and makes its codes
// again, since it may have been changed.
func (s *Scratch) observe(in *quant.Input, items []product) {
	s.Observe(items[0].w.name, in.X)
	for _, p := range items {
		if reserve(in, p.w) {
			s.encode(in, p.w)
			return
		}
	}
}

func (t *productsTask) add(w quant.Matrix, dst []float32, threads int) {
	rows := chunkRows(w, threads)
	t.n += (w.Rows + rows - 1) / rows
	t.items = append(t.items, matrixProduct{w, dst, rows, t.n})
}

// chunkRows is the number of rows in a chunk of w, a multiple of 32 because
// kernels work on as many at a time.
func chunkRows(w quant.Matrix, threads int) int {
	const multiple = 32
	rows := min(chunkBytes/w.Format.Size(1, w.Cols), (w.Rows+threads-1)/threads)
	return max(1, (rows+multiple/2)/multiple) * multiple
}

func (t *productsTask) Do(_, i int) {
	item, first := 0, 0
	for i >= t.items[item].end {
		first = t.items[item].end
		item++
	}
	p := &t.items[item]
	lo := (i - first) * p.rows
	p.w.MulT(p.dst[lo:], p.w.Rows, t.in, lo, min(lo+p.rows, p.w.Rows))
}

// correction adds B·low to a product, low [n][rank] being A·x.
type correction struct {
	product
	low []float32
}

// correctTask corrects n rows of some products.
type correctTask struct {
	items []correction
	n     int
}

func (t *correctTask) Do(_, i int) {
	lo, hi := taskRows(i, t.n)
	for _, c := range t.items {
		rank, out := c.w.b.Rows, c.w.b.Cols
		c.w.b.MulAdd(c.dst[lo*out:hi*out], c.low[lo*rank:hi*rank], rank, hi-lo, 0, rank)
	}
}
