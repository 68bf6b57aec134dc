package vec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/winnowlm/winnow/internal/cpu"
)

// allCols is every width up to 130 for a few shapes, so that each tail is met.
func allCols(short bool) []int {
	var c []int
	for n := 0; n <= 130; n++ {
		if !short || n%8 == 0 || n < 10 || n == 67 {
			c = append(c, n)
		}
	}
	return append(c, 256, 264, 520)
}

func TestDotIsTheSumOfProducts(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, f := range formats {
			for _, cols := range allCols(testing.Short()) {
				for _, shape := range [][2]int{{1, 1}, {1, 8}, {1, 19}, {2, 5}, {3, 4}, {4, 7}, {7, 3}, {8, 13}} {
					n, rows := shape[0], shape[1]
					r := testRand(uint64(cols*100 + n))
					stride := f.rowSize(cols) + 3
					w := encodeRows(f, normals(r, rows*cols), rows, cols, stride)
					x := normals(r, n*cols)
					ld := rows + 2
					dst := guarded(span(n, ld, rows))
					doDot(f, dst, ld, x, n, w, stride, rows, cols)
					requireGuards(t, dst)

					v := decodeRows(f, w, rows, cols, stride)
					for q := range n {
						for j := range ld {
							if j >= rows {
								assert.True(t, q == n-1 || isGuard(dst[q*ld+j]), "wrote between rows")
								continue
							}
							var sum, size float64
							for c := range cols {
								p := float64(x[q*cols+c]) * v[j*cols+c]
								sum += p
								size += math.Abs(p)
							}
							requireSum(t, sum, dst[q*ld+j], 1e-6, size, "%v cols %d q %d j %d", f, cols, q, j)
						}
					}
				}
			}
		}
	})
}

// Levels add in different orders; where sums are exact this cannot be seen.
func TestDotOfIntegersIsTheSameAtAllLevels(t *testing.T) {
	for _, f := range formats {
		for _, cols := range []int{8, 16, 24, 64, 72, 136} {
			r := testRand(uint64(cols))
			n, rows, stride := 7, 21, f.rowSize(cols)+1
			w := encodeRows(f, integers(r, rows*cols, 3), rows, cols, stride)
			x := integers(r, n*cols, 8)
			want := make([]float32, n*rows)
			dotGo(f, want, rows, x, n, w, stride, rows, cols)
			eachLevel(t, func(t *testing.T) {
				got := make([]float32, n*rows)
				doDot(f, got, rows, x, n, w, stride, rows, cols)
				requireSame(t, want, got, f, cols)
			})
		}
	}
}

// The canonical order: a product is the same bits in whatever company.
func TestDotDoesNotDependOnTheCut(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, f := range formats {
			for _, cols := range []int{5, 64, 72, 200, 1000, 2064} {
				r := testRand(uint64(cols))
				n, rows, stride := 13, 45, f.rowSize(cols)
				if cols > 2000 { // packed in parts, twice as many rows as are packed at once and some more
					n, rows = 29, 130
				}
				w := encodeRows(f, normals(r, rows*cols), rows, cols, stride)
				x := normals(r, n*cols)
				want := make([]float32, n*rows)
				for q := range n {
					for j := range rows {
						doDot(f, want[q*rows+j:], 1, x[q*cols:], 1, w[j*stride:], stride, 1, cols)
					}
				}
				got := make([]float32, n*rows)
				doDot(f, got, rows, x, n, w, stride, rows, cols)
				requireSame(t, want, got, f, cols)
				for range 20 {
					q, j := r.IntN(n), r.IntN(rows)
					m, k := 1+r.IntN(n-q), 1+r.IntN(rows-j)
					clear(got)
					doDot(f, got, rows, x[q*cols:], m, w[j*stride:], stride, k, cols)
					for i := range m {
						requireSame(t, want[(q+i)*rows+j:][:k], got[i*rows:][:k], f, cols, m, k)
					}
				}
			}
		}
	})
}

func TestDotKeepsNaNInItsOutput(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		cols, rows, n := 64, 9, 4
		r := testRand(3)
		x, v := normals(r, n*cols), normals(r, rows*cols)
		v[5*cols+17] = float32(math.NaN())
		w := encodeRows(fmtF32, v, rows, cols, 4*cols)
		dst := make([]float32, n*rows)
		DotF32(dst, rows, x, n, w, 4*cols, rows, cols, nil)
		for i, d := range dst {
			assert.Equal(t, i%rows == 5, d != d, "output %d", i)
		}
	})
}

func TestAxpyAddsMultiplesOfRows(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, f := range formats {
			for _, cols := range allCols(testing.Short()) {
				for _, shape := range [][2]int{{1, 1}, {1, 19}, {2, 5}, {3, 4}, {4, 7}, {7, 3}} {
					n, rows := shape[0], shape[1]
					r := testRand(uint64(cols*100 + n))
					stride := f.rowSize(cols) + 3
					w := encodeRows(f, normals(r, rows*cols), rows, cols, stride)
					ld := rows + 2
					p := normals(r, span(n, ld, rows))
					start := normals(r, n*cols)
					dst := guarded(n * cols)
					copy(dst, start)
					doAxpy(f, dst, p, ld, n, w, stride, rows, cols)
					requireGuards(t, dst)

					v := decodeRows(f, w, rows, cols, stride)
					for q := range n {
						for d := range cols {
							sum := float64(start[q*cols+d])
							size := math.Abs(sum)
							for j := range rows {
								term := float64(p[q*ld+j]) * v[j*cols+d]
								sum += term
								size += math.Abs(term)
							}
							requireSum(t, sum, dst[q*cols+d], 1e-6, size, "%v cols %d q %d d %d", f, cols, q, d)
						}
					}
				}
			}
		}
	})
}

func TestAxpyDoesNotDependOnTheCut(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, f := range formats {
			for _, cols := range []int{5, 64, 72, 128, 200} {
				r := testRand(uint64(cols))
				n, rows, stride := 13, 45, f.rowSize(cols)
				w := encodeRows(f, normals(r, rows*cols), rows, cols, stride)
				p := normals(r, n*rows)
				start := normals(r, n*cols)
				want := append([]float32(nil), start...)
				for q := range n {
					for j := range rows {
						doAxpy(f, want[q*cols:], p[q*rows+j:], 1, 1, w[j*stride:], stride, 1, cols)
					}
				}
				for range 20 {
					got := append([]float32(nil), start...)
					for j := 0; j < rows; {
						k := 1 + r.IntN(rows-j)
						for q := 0; q < n; {
							m := 1 + r.IntN(n-q)
							doAxpy(f, got[q*cols:], p[q*rows+j:], rows, m, w[j*stride:], stride, k, cols)
							q += m
						}
						j += k
					}
					requireSame(t, want, got, f, cols)
				}
			}
		}
	})
}

func TestAxpyOfZeroChangesNothing(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, f := range formats {
			n, rows, cols := 3, 7, 72
			r := testRand(9)
			w := encodeRows(f, normals(r, rows*cols), rows, cols, f.rowSize(cols))
			start := normals(r, n*cols)
			dst := append([]float32(nil), start...)
			doAxpy(f, dst, make([]float32, n*rows), rows, n, w, f.rowSize(cols), rows, cols)
			requireSame(t, start, dst, f)
		}
	})
}

func TestDotAndAxpyOfNothing(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, f := range formats {
			doDot(f, nil, 0, nil, 0, nil, 0, 3, 8)
			doDot(f, nil, 0, make([]float32, 8), 1, nil, 0, 0, 8)
			doAxpy(f, nil, nil, 0, 0, nil, 0, 3, 8)
			doAxpy(f, make([]float32, 8), nil, 0, 1, nil, 0, 0, 8)
		}
	})
}

func TestShortSlicesPanic(t *testing.T) {
	x, w, dst := make([]float32, 32), make([]byte, 256), make([]float32, 8)
	assert.PanicsWithValue(t, "vec: DotF32: got len(dst) 7, want at least 8", func() { DotF32(dst[:7], 4, x, 2, w, 64, 4, 16, nil) })
	assert.PanicsWithValue(t, "vec: DotF32: got len(x) 31, want at least 32", func() { DotF32(dst, 4, x[:31], 2, w, 64, 4, 16, nil) })
	assert.PanicsWithValue(t, "vec: DotF32: got len(w) 255, want at least 256", func() { DotF32(dst, 4, x, 2, w[:255], 64, 4, 16, nil) })
	assert.PanicsWithValue(t, "vec: DotF32: got ld 3, want at least 4", func() { DotF32(dst, 3, x, 2, w, 64, 4, 16, nil) })
	assert.PanicsWithValue(t, "vec: AxpyI8: got len(w) 79, want at least 80", func() { AxpyI8(x, dst, 4, 2, w[:79], 20, 4, 16, nil) })
	assert.PanicsWithValue(t, "vec: AxpyF16: got len(p) 7, want at least 8", func() { AxpyF16(x, dst[:7], 4, 2, w, 32, 4, 16, nil) })
	assert.PanicsWithValue(t, "vec: AxpyF16: got len(dst) 31, want at least 32", func() { AxpyF16(x[:31], dst, 4, 2, w, 32, 4, 16, nil) })
}

func TestDotAndAxpyDoNotAllocate(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, cols := range []int{20, 64} {
			w := make([]byte, 16*4*64)
			allocs := testing.AllocsPerRun(10, func() {
				var dst, x [256]float32 // on the stack, if the kernels let them
				DotF32(dst[:], 16, x[:], 4, w, 4*cols, 16, cols, nil)
				DotI8(dst[:], 16, x[:], 4, w, 4*cols, 16, cols, nil)
				AxpyF16(dst[:], x[:], 16, 3, w, 4*cols, 16, cols, nil)
				AxpyBF16(dst[:], x[:], 16, 3, w, 4*cols, 16, cols, nil)
			})
			assert.Zero(t, allocs, "cols %d", cols)
		}
	})
}

func FuzzDotAgainstGo(f *testing.F) {
	f.Add(uint64(1), byte(3), byte(5), byte(64), byte(1))
	f.Fuzz(func(t *testing.T, seed uint64, n, rows, cols, kind byte) {
		fm := formats[kind%4]
		r := testRand(seed)
		N, R, C := int(n%17), int(rows%70), int(cols)
		stride := fm.rowSize(C) + r.IntN(9)
		w := encodeRows(fm, integers(r, R*C, 3), R, C, stride)
		x := integers(r, N*C, 8)
		want, got := guarded(N*R), guarded(N*R)
		doDot(fm, got, R, x, N, w, stride, R, C)
		at(cpu.Go, func() { doDot(fm, want, R, x, N, w, stride, R, C) })
		requireSame(t, want, got)
		p := integers(r, N*R, 8)
		want, got = guarded(N*C), guarded(N*C)
		clear(want[:N*C])
		clear(got[:N*C])
		doAxpy(fm, got, p, R, N, w, stride, R, C)
		at(cpu.Go, func() { doAxpy(fm, want, p, R, N, w, stride, R, C) })
		requireSame(t, want, got)
	})
}
