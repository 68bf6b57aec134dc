package quant

import "github.com/winnowlm/winnow/internal/vec"

// Input is the left side of a product: rows of activations, and their 8-bit
// codes for the formats that multiply in integers. Codes are made once per
// layer input and serve every matrix that reads it. The zero value is ready
// for Set. An Input may be read by many goroutines at once.
type Input struct {
	X       []float32 // [N][Cols], owned by the caller
	N, Cols int

	codes   vec.Q8
	coded   bool
	wide    vec.Q16
	widened bool
}

// Set makes x [n][cols] the input. Codes made before are void.
func (in *Input) Set(x []float32, n, cols int) {
	in.X, in.N, in.Cols, in.coded, in.widened = x[:n*cols], n, cols, false, false
}

// Reserve makes room for the codes; EncodeRows may follow. cols must be a
// multiple of 32.
func (in *Input) Reserve() {
	in.codes.Resize(in.N, in.Cols)
	in.coded = true
}

// EncodeRows makes the codes of rows lo..hi, blocks of 32 with a scale each.
// Goroutines may do disjoint rows at the same time; all rows must be done
// before the first product.
func (in *Input) EncodeRows(lo, hi int) { in.codes.Quantize(in.X, lo, hi) }

// EncodeColumns makes the codes of columns lo..hi, multiples of 32, of all rows:
// of x [N][hi-lo], whatever X is. Goroutines may do disjoint columns at the same
// time.
func (in *Input) EncodeColumns(x []float32, lo, hi int) { in.codes.QuantizeColumns(x, lo, hi) }

// Integer reports whether a matrix of f with that many columns is multiplied by
// the input's codes, so that Reserve and EncodeRows pay. Without codes its
// products are exact and slow.
func Integer(f Format, cols int) bool {
	if cols%blockCols != 0 {
		return false
	}
	switch f := f.(type) {
	case *wide:
		return true
	case *blockFormat:
		return f.mul != nil || f.recodeBlock != nil
	case recoder:
		parts, _, _ := f.recodes()
		return parts > 0
	}
	return false
}

// Widen makes 16-bit codes of all rows, which keys in f may be multiplied with.
// If they are not made before the first product, each makes its own.
func (in *Input) Widen(f Format) {
	if l, ok := f.(*fours); ok && !l.values {
		in.wide.Resize(in.N, in.Cols)
		in.wide.Quantize(in.X, in.Cols, nil)
		in.widened = true
	}
}
