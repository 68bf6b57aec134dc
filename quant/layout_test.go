package quant_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// laidOut lists the layouts of cols columns that are not their format's own.
func laidOut(cols int) map[quant.Format]quant.Format {
	all := map[quant.Format]quant.Format{}
	for _, name := range quant.Names() {
		f, _ := quant.ByName(name)
		for _, l := range []quant.Format{quant.Keys(f, cols), quant.Values(f)} {
			if l != f {
				all[l] = f
			}
		}
	}
	return all
}

// A layout has the format's size and values, wherever a row stands and whatever
// is decoded with it, and what is laid out and back is the same bytes.
func TestLayoutsHaveTheValuesOfTheirFormat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const cols = 24
	for l, f := range laidOut(cols) {
		for _, rows := range []int{1, 2, 15, 16, 17, 48, 63, 64} {
			x := normal(r, rows*cols)
			m, k := quant.Pack(f, x, rows, cols), quant.Pack(l, x, rows, cols)
			require.Equal(t, m.Data, k.As(f).Data)
			require.Equal(t, k, m.As(l))
			require.Len(t, k.Data, len(m.Data))
			want, got := make([]float32, rows*cols), make([]float32, rows*cols)
			m.Decode(want, 0, rows)
			k.Decode(got, 0, rows)
			require.Equal(t, want, got, "%s, %d rows", k.Format.Name(), rows)
			lo := r.IntN(rows)
			hi := lo + r.IntN(rows-lo+1)
			k.Decode(got, lo, hi)
			require.Equal(t, want[lo*cols:hi*cols], got[:(hi-lo)*cols])
		}
	}
}

// A logit is the same to the last bit whatever block its key lies in, and
// whatever other keys and queries it is computed with.
func TestKeysAreMultipliedTheSameInAnyCompany(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, f := range []quant.Format{quant.F16, quant.BF16, quant.Int8} {
		for _, cols := range []int{8, 24, 64, 80} {
			const rows, n = 64, 9
			k := quant.Pack(quant.Keys(f, cols), normal(r, rows*cols), rows, cols)
			q := normal(r, n*cols)
			var in quant.Input
			in.Set(q, n, cols)
			all := make([]float32, n*rows)
			k.MulT(all, rows, &in, 0, rows)

			values := make([]float32, rows*cols)
			k.Decode(values, 0, rows)
			for i, got := range all {
				var sum float64
				for d := range cols {
					sum += float64(q[i/rows*cols+d]) * float64(values[i%rows*cols+d])
				}
				require.InDelta(t, sum, got, 1e-3)
			}
			for range 100 {
				lo, some := r.IntN(rows), r.IntN(n)
				hi, ld := lo+1+r.IntN(rows-lo), 64+r.IntN(9)
				in.Set(q[some*cols:], n-some, cols)
				got := make([]float32, (n-some)*ld)
				for i := range got {
					got[i] = -7
				}
				k.MulT(got[:(n-some-1)*ld+hi-lo], ld, &in, lo, hi)
				for i, v := range got {
					if j := lo + i%ld; j < hi {
						require.Equal(t, all[(some+i/ld)*rows+j], v)
					} else {
						require.Equal(t, float32(-7), v, "what is beside the logits stays")
					}
				}
			}
		}
	}
}

// Rows may be copied from one matrix to another of any height.
func TestCopyRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const cols = 64
	keys := func(f quant.Format) quant.Format { return quant.Keys(f, cols) }
	for _, layout := range []func(quant.Format) quant.Format{keys, quant.Values} {
		for _, f := range []quant.Format{quant.F16, quant.F32, quant.Int8, quant.Q8_0} {
			from := quant.Pack(layout(f), normal(r, 39*cols), 39, cols)
			to := quant.Matrix{Format: from.Format, Rows: 7, Cols: cols, Data: make([]byte, from.Format.Size(7, cols))}
			want, got := make([]float32, cols), make([]float32, cols)
			rows := []int32{1, 2, 11, 17, 25, 26, 38}
			to.CopyRows(0, from, rows[:2])
			to.CopyRows(2, from, rows[2:])
			for i, j := range rows {
				from.Decode(want, int(j), int(j)+1)
				to.Decode(got, i, i+1)
				require.Equal(t, want, got, from.Format.Name())
			}
		}
	}
}

// Values in a layout are added up as those of the format are, within a 30000th of
// the largest coefficient, and whatever rows are left out.
func TestValuesAreAddedUp(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, rows := range []int{5, 16, 37, 48, 64} {
		const cols, n = 64, 7
		m := quant.Pack(quant.Values(quant.Int8), normal(r, rows*cols), rows, cols)
		values, p := make([]float32, rows*cols), normal(r, n*rows)
		m.Decode(values, 0, rows)
		for range 20 {
			lo := r.IntN(rows)
			hi, some := lo+1+r.IntN(rows-lo), 1+r.IntN(n)
			start := normal(r, some*cols)
			got := append([]float32{}, start...)
			m.MulAdd(got, p[lo:], rows, some, lo, hi)
			for i, v := range got {
				want := float64(start[i])
				for j := lo; j < hi; j++ {
					want += float64(p[i/cols*rows+j]) * float64(values[j*cols+i%cols])
				}
				require.InDelta(t, want, v, 2e-3)
			}
		}
	}
}
