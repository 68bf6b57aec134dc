package model

import "github.com/winnowlm/winnow/quant"

// product is a matrix to multiply an input by, and where the result goes:
// dst [n][w.Rows] = in·wᵀ.
type product struct {
	w   quant.Matrix
	dst []float32
}

// chunkBytes is about how much of a weight one iteration reads: enough to pay
// for handing it out, little enough to share evenly.
const chunkBytes = 128 << 10

// productsTask multiplies one input by several matrices in one parallel region,
// whose iterations are chunks of weight rows.
type productsTask struct {
	in    *quant.Input
	items []product
	rows  []int // of one chunk
	end   []int // iterations up to and with this item
}

// multiply computes the products.
func (s *Scratch) multiply(in *quant.Input, items ...product) {
	t := &s.tasks.products
	t.in, t.items = in, append(t.items[:0], items...)
	t.rows, t.end = t.rows[:0], t.end[:0]
	n := 0
	for _, p := range items {
		rows := chunkRows(p.w, s.m.pool.Threads())
		n += (p.w.Rows + rows - 1) / rows
		t.rows, t.end = append(t.rows, rows), append(t.end, n)
	}
	s.m.pool.Run(n, t)
}

// chunkRows is the number of rows in a chunk of w, a multiple of 16 because
// kernels work on as many at a time.
func chunkRows(w quant.Matrix, threads int) int {
	const multiple = 16
	rows := chunkBytes / w.Format.Size(1, w.Cols)
	rows = min(rows, w.Rows/(2*threads))
	return max(multiple, rows/multiple*multiple)
}

func (t *productsTask) Do(_, i int) {
	item, first := 0, 0
	for i >= t.end[item] {
		first = t.end[item]
		item++
	}
	w, rows := t.items[item].w, t.rows[item]
	lo := (i - first) * rows
	w.MulT(t.items[item].dst[lo:], w.Rows, t.in, lo, min(lo+rows, w.Rows))
}
