package quant_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// laidOut are the formats of which caches keep keys in another layout.
var laidOut = []quant.Format{quant.F16, quant.BF16}

// A layout of keys has the format's size and values, wherever a row stands and
// whatever is decoded with it.
func TestKeysHaveTheValuesOfTheirFormat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range laidOut {
		for _, rows := range []int{1, 2, 15, 16, 17, 48, 63, 64} {
			const cols = 24
			keys := quant.Keys(f)
			require.NotEqual(t, f, keys)
			x := normal(r, rows*cols)
			m, k := quant.Pack(f, x, rows, cols), quant.Pack(keys, x, rows, cols)
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
	for _, f := range laidOut {
		for _, cols := range []int{8, 24, 64, 80} {
			const rows, n = 64, 9
			k := quant.Pack(quant.Keys(f), normal(r, rows*cols), rows, cols)
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
				require.InDelta(t, sum, got, 1e-4)
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
func TestCopyRow(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, f := range append(laidOut, quant.F32, quant.Int8, quant.Q8_0) {
		const cols = 64
		from := quant.Pack(quant.Keys(f), normal(r, 40*cols), 40, cols)
		to := quant.Matrix{Format: from.Format, Rows: 7, Cols: cols, Data: make([]byte, from.Format.Size(7, cols))}
		want, got := make([]float32, cols), make([]float32, cols)
		for i := range 7 {
			to.CopyRow(i, from, 5*i+1)
		}
		for i := range 7 {
			from.Decode(want, 5*i+1, 5*i+2)
			to.Decode(got, i, i+1)
			require.Equal(t, want, got, f.Name())
		}
	}
}
