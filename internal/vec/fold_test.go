package vec

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fold of a few blocks gives what its parts give, to the last bit, whatever lies
// next, and writes nothing else.
func TestFoldIsItsParts(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, f := range []format{fmtF16, fmtBF16} {
			for _, dim := range []int{64, 128, 192, 80} {
				for n := 1; n <= 7; n++ {
					for _, special := range []float32{1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 30000} {
						testFold(t, f, n, dim, special)
					}
				}
			}
		}
	})
}

func testFold(t *testing.T, f format, n, dim int, special float32) {
	r := testRand(uint64(n*dim) + uint64(f))
	type state struct{ acc, s, most, sum []float32 }
	newState := func() state {
		x := state{guarded(n * dim), guarded(n * foldRows), guarded(n), guarded(n)}
		clear(x.acc[:n*dim])
		clear(x.sum[:n])
		for q := range n {
			x.most[q] = float32(math.Inf(-1))
		}
		return x
	}
	want, got := newState(), newState()
	q := normals(r, n*dim)
	for block := range 4 {
		keys, values := normals(r, foldRows*dim), normals(r, foldRows*dim)
		if block == 2 {
			keys[r.IntN(len(keys))] = special
		}
		k, v := encodeRows(f, keys, dim, foldRows, 2*foldRows), encodeRows(f, values, foldRows, dim, 2*dim)
		foldParts(f, want.acc[:n*dim], q, n, dim, k, v, want.s[:n*foldRows], want.most[:n], want.sum[:n])
		var next []byte
		if block%2 == 0 {
			next = v[:1]
		}
		run := map[format]func(acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32, next []byte){fmtF16: FoldF16, fmtBF16: FoldBF16}[f]
		run(got.acc[:n*dim], q, n, dim, k, v, got.s[:n*foldRows], got.most[:n], got.sum[:n], next)
		for i, x := range [][2][]float32{{want.acc, got.acc}, {want.s, got.s}, {want.most, got.most}, {want.sum, got.sum}} {
			requireSame(t, x[0], x[1], f, n, dim, special, "block", block, "output", i)
			requireGuards(t, x[1])
		}
	}
}

func TestFoldWantsWholeBlocks(t *testing.T) {
	x := make([]float32, 128)
	b := make([]byte, 2*foldRows*64)
	require.PanicsWithValue(t, "vec: FoldF16: got len(v) 8190, want at least 8192", func() {
		FoldF16(x, x, 1, 64, b, b[2:], x, x, x, nil)
	})
	require.NotPanics(t, func() { FoldF16(nil, nil, 0, 64, nil, nil, nil, nil, nil, nil) })
}

// BenchmarkFold is a block of 64 rows and channels, from the first-level cache and
// from memory, where one follows another.
func BenchmarkFold(b *testing.B) {
	const dim, n = 64, 3
	const size = 2 * foldRows * dim
	r := testRand(1)
	block := encodeRows(fmtF16, normals(r, 2*foldRows*dim), 2*foldRows, dim, 2*dim)
	q, acc, s, most, sum := normals(r, n*dim), make([]float32, n*dim), make([]float32, n*foldRows), make([]float32, n), make([]float32, n)
	for _, blocks := range []int{1, 16384} {
		w := make([]byte, 0, blocks*2*size)
		for range blocks {
			w = append(w, block...)
		}
		b.Run(fmt.Sprintf("blocks=%d", blocks), func(b *testing.B) {
			i := 0
			for b.Loop() {
				at := w[i*2*size:]
				i = (i + 1) % blocks
				FoldF16(acc, q, n, dim, at[:size], at[size:2*size], s, most, sum, w[i*2*size:])
			}
			reportShape(b, 2*size, 2*n*foldRows*dim)
		})
	}
}
