package calibrate

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// ToDense decodes a matrix to a tensor [Rows][Cols] of float32 in memory of its
// own.
func ToDense(m quant.Matrix) *tensor.Dense {
	x := make([]float32, m.Rows*m.Cols)
	m.Decode(x, 0, m.Rows)
	return tensor.New(tensor.WithShape(m.Rows, m.Cols), tensor.WithBacking(x))
}

// FromDense encodes a matrix of float32 or float64, a view or transposed as it
// may be. The error says why it cannot be: another shape or type of values, or
// columns that are no whole blocks of f.
func FromDense(f quant.Format, d *tensor.Dense) (quant.Matrix, error) {
	x, err := matrix(d)
	if err != nil {
		return quant.Matrix{}, fmt.Errorf("calibrate: FromDense: %w", err)
	}
	rows, cols := d.Shape()[0], d.Shape()[1]
	if cols%f.Block() != 0 {
		return quant.Matrix{}, fmt.Errorf("calibrate: FromDense: rows of %d values, want a multiple of %s's block of %d", cols, f.Name(), f.Block())
	}
	return quant.Pack(f, x, rows, cols), nil
}

// matrix returns the values of a matrix, row after row.
func matrix(d *tensor.Dense) ([]float32, error) {
	if d.Dims() != 2 {
		return nil, fmt.Errorf("want a matrix, have shape %v", d.Shape())
	}
	if d.RequiresIterator() {
		d = d.Materialize().(*tensor.Dense)
	}
	switch data := d.Data().(type) {
	case []float32:
		return data, nil
	case []float64:
		x := make([]float32, len(data))
		for i, v := range data {
			x[i] = float32(v)
		}
		return x, nil
	}
	return nil, fmt.Errorf("want float32 or float64, have %v", d.Dtype())
}

// Rows decodes the keys and the values that a head of a cache holds, rotated
// keys as they are stored, to tensors [Len][Dim]; nil where it holds none.
func Rows(h *kvcache.Head) (k, v *tensor.Dense) {
	n, dim := h.Len(), h.Dim()
	if n == 0 {
		return nil, nil
	}
	keys, values := make([]float32, n*dim), make([]float32, n*dim)
	h.Rows(keys, values, 0, n)
	return tensor.New(tensor.WithShape(n, dim), tensor.WithBacking(keys)), tensor.New(tensor.WithShape(n, dim), tensor.WithBacking(values))
}

// SetRows makes k and v, [Len][Dim] each, the keys and the values that a head of
// a cache holds, encoded as the cache encodes them: the inverse of Rows. They may
// be of float32 or float64, views or transposed; the head keeps no reference to
// them. The error says what has another shape or type of values, and then the
// head is as it was.
func SetRows(h *kvcache.Head, k, v *tensor.Dense) error {
	n, dim := h.Len(), h.Dim()
	var x [2][]float32
	for i, name := range []string{"keys", "values"} {
		d := []*tensor.Dense{k, v}[i]
		var err error
		if x[i], err = matrix(d); err != nil {
			return fmt.Errorf("calibrate: SetRows: %s: %w", name, err)
		}
		if !d.Shape().Eq(tensor.Shape{n, dim}) {
			return fmt.Errorf("calibrate: SetRows: %s: want shape %v, have %v", name, tensor.Shape{n, dim}, d.Shape())
		}
	}
	slots := make([]int32, n)
	for i := range slots {
		slots[i] = int32(i)
	}
	h.Replace(slots, x[0], x[1])
	return nil
}

// Logits is a tensor [rows][vocab] over a session's logits, whose memory it
// shares in both directions: it is valid until the next pass.
func Logits(x []float32, vocab int) *tensor.Dense {
	if vocab < 1 || len(x) == 0 || len(x)%vocab != 0 {
		panic(fmt.Sprintf("calibrate: Logits: got %d values, want rows of %d", len(x), vocab))
	}
	return tensor.New(tensor.WithShape(len(x)/vocab, vocab), tensor.WithBacking(x))
}
