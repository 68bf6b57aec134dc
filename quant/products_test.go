package quant_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// layouts are the formats and the twins that have no name of a format.
func layouts(t testing.TB) []quant.Format {
	all := formats(t)
	for _, f := range all {
		if twin, ok := quant.Twin(f); ok {
			if _, err := quant.ByName(twin.Name()); err != nil {
				all = append(all, twin)
			}
		}
	}
	return all
}

// most is the largest number of rows, columns and tokens of TestProducts.
const most = 130

// example is a matrix with what it is multiplied by.
type example struct {
	m       quant.Matrix
	w       []float32 // m decoded
	x       []float32 // [n][cols]
	n       int
	in      quant.Input
	product []float32 // [n][rows]
}

// newExample multiplies a random matrix by the values of x or, if coded, by
// their codes.
func newExample(rng *rand.Rand, f quant.Format, rows, cols, n int, coded bool) *example {
	e := &example{m: quant.Pack(f, normal(rng, rows*cols), rows, cols), w: make([]float32, rows*cols), x: normal(rng, n*cols), n: n}
	e.m.Decode(e.w, 0, rows)
	e.input(n, coded)
	if coded {
		e.x = codedValues(e.x)
	}
	e.product = e.mul(0, rows)
	return e
}

// input makes the first n tokens the input.
func (e *example) input(n int, coded bool) {
	e.in.Set(e.x[:n*e.m.Cols], n, e.m.Cols)
	if coded {
		e.in.Reserve()
		e.in.EncodeRows(0, n)
	}
}

func (e *example) mul(lo, hi int) []float32 {
	dst := make([]float32, e.in.N*(hi-lo))
	e.m.MulT(dst, hi-lo, &e.in, lo, hi)
	return dst
}

// codedValues returns what quant.Input makes of x: blocks of 32 in 8 bits.
func codedValues(x []float32) []float32 {
	y := make([]float32, len(x))
	for b := 0; b < len(x); b += 32 {
		var largest float32
		for _, v := range x[b : b+32] {
			largest = max(largest, v, -v)
		}
		for i, v := range x[b : b+32] {
			y[b+i] = float32(math.RoundToEven(float64(v*(127/largest)))) * (largest / 127)
		}
	}
	return y
}

// check compares with the products of the decoded matrix, in double precision.
// The error allowed is that of float32 sums.
func (e *example) check(t *testing.T) {
	rows, cols := e.m.Rows, e.m.Cols
	for q := range e.n {
		for j := range rows {
			var want, size float64
			for d := range cols {
				p := float64(e.x[q*cols+d]) * float64(e.w[j*cols+d])
				want, size = want+p, size+math.Abs(p)
			}
			if got := float64(e.product[q*rows+j]); !(math.Abs(got-want) <= 4e-6*size) {
				t.Fatalf("row %d of %d, token %d of %d, %d columns: got %v, want %v ± %v", j, rows, q, e.n, cols, got, want, 4e-6*size)
			}
		}
	}
}

// Multiplication in every format is that of the decoded matrix, for all numbers
// of columns; and for all numbers of rows and of tokens a row's product with a
// token is the same to the bit.
func TestProducts(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 13
	}
	for _, f := range layouts(t) {
		for _, coded := range []bool{false, true} {
			cols := (95/f.Block() + 1) * f.Block()
			if coded && !quant.Integer(f, cols) {
				continue
			}
			t.Run(fmt.Sprintf("%s/coded=%v", f.Name(), coded), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(3, 4))
				for size := f.Block(); size <= max(most, f.Block()); size += f.Block() * max(1, step/f.Block()) {
					if !coded || quant.Integer(f, size) {
						newExample(rng, f, 9, size, 5, coded).check(t)
					}
				}
				all := newExample(rng, f, most, cols, most, coded)
				all.check(t)
				for size := 0; size <= most; size += step {
					all.input(3, coded)
					lo := size % 7
					all.same(t, lo, max(lo, size))
					all.input(size, coded)
					all.same(t, 60, 60+size%37)
				}
			})
		}
	}
}

// same requires the products of the input's tokens with rows lo..hi to be those
// computed before.
func (e *example) same(t *testing.T, lo, hi int) {
	got := e.mul(lo, hi)
	for q := range e.in.N {
		require.Equal(t, e.product[q*e.m.Rows:][lo:hi], got[q*(hi-lo):][:hi-lo], "rows %d..%d, token %d of %d", lo, hi, q, e.in.N)
	}
}

// The same on matrices as wide as those of models.
func TestProductsOfRealShapes(t *testing.T) {
	for _, f := range layouts(t) {
		for _, shape := range [][3]int{{67, 2048, 1}, {33, 5632, 7}} {
			for _, coded := range []bool{false, true} {
				if coded && !quant.Integer(f, shape[1]) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%v/coded=%v", f.Name(), shape, coded), func(t *testing.T) {
					newExample(rand.New(rand.NewPCG(5, 6)), f, shape[0], shape[1], shape[2], coded).check(t)
				})
			}
		}
	}
}

// MulAdd agrees with the sums of decoded rows, for all numbers of rows.
func TestSums(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 13
	}
	for _, f := range layouts(t) {
		rng := rand.New(rand.NewPCG(7, 8))
		const n = 3
		rows, cols := most, (95/f.Block()+1)*f.Block()
		m := quant.Pack(f, normal(rng, rows*cols), rows, cols)
		w, p := make([]float32, rows*cols), normal(rng, n*rows)
		m.Decode(w, 0, rows)
		want := make([]float64, n*cols)
		for hi := 0; hi <= rows; hi++ {
			if hi%step == 0 {
				got := make([]float32, n*cols)
				m.MulAdd(got, p, rows, n, 0, hi)
				for i := range got {
					require.InDelta(t, want[i], got[i], 1e-4, "%s, %d rows", f.Name(), hi)
				}
			}
			for i := range want {
				if hi < rows {
					want[i] += float64(p[i/cols*rows+hi]) * float64(w[hi*cols+i%cols])
				}
			}
		}
	}
}
