package vec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/winnowlm/winnow/internal/cpu"
)

// weights are random blocks of q8_0 or q4_0, all codes among them, at an odd address.
func weights(r *rand.Rand, q4 bool, rows, cols int) []byte {
	size := sizeQ8_0
	if q4 {
		size = sizeQ4_0
	}
	w := make([]byte, 1+rows*cols/Block*size)[1:]
	for i := range w {
		w[i] = byte(r.Uint32())
	}
	for b := 0; b < len(w); b += size {
		binary.LittleEndian.PutUint16(w[b:], toF16(float32(r.NormFloat64())/16))
		if r.IntN(8) == 0 { // the extremes together
			for i := 2; i < size; i++ {
				w[b+i] = []byte{0x80, 0x7f, 0xff, 0x00}[r.IntN(4)]
			}
		}
	}
	return w
}

// dequantize returns the values of weights.
func dequantize(q4 bool, w []byte) []float64 {
	var out []float64
	for len(w) > 0 {
		d := float64(f16(binary.LittleEndian.Uint16(w)))
		if q4 {
			for shift := 0; shift <= 4; shift += 4 {
				for _, c := range w[2:sizeQ4_0] {
					out = append(out, d*float64(int(c>>shift&15)-8))
				}
			}
			w = w[sizeQ4_0:]
			continue
		}
		for _, c := range w[2:sizeQ8_0] {
			out = append(out, d*float64(int8(c)))
		}
		w = w[sizeQ8_0:]
	}
	return out
}

// dequantizeQ8 returns the values of activations.
func dequantizeQ8(a *Q8) []float64 {
	out := make([]float64, a.N*a.Cols)
	for i := range out {
		out[i] = float64(a.codes[i]) * float64(a.meta[i/Block].scale)
	}
	return out
}

func quantized(x []float32, n, cols int) *Q8 {
	a := new(Q8)
	a.Resize(n, cols)
	a.Quantize(x, 0, n)
	return a
}

func doMul(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	if q4 {
		MulQ4_0(dst, ld, a, w, rows)
	} else {
		MulQ8_0(dst, ld, a, w, rows)
	}
}

func TestQuantizeRoundsToCodes(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := testRand(1)
		n, cols := 5, 96
		x := normals(r, n*cols)
		for i := range x {
			x[i] *= float32(math.Exp(4 * r.NormFloat64()))
		}
		clear(x[32:64])
		a := quantized(x, n, cols)
		for b := range n * cols / Block {
			var most float32
			var sum, pairs [2]int32
			for i, v := range x[b*Block:][:Block] {
				most = max(most, float32(math.Abs(float64(v))))
				c := int32(a.codes[b*Block+i])
				sum[0] += c
				pairs[i/2%2] += c
			}
			m := a.meta[b]
			require.Equal(t, most/127, m.scale)
			require.Equal(t, -128*sum[0], m.offset)
			require.Equal(t, [2]int16{int16(-8 * pairs[0]), int16(-8 * pairs[1])}, m.pairs)
			for i, v := range x[b*Block:][:Block] {
				require.InDelta(t, v, float64(a.codes[b*Block+i])*float64(m.scale), float64(m.scale)*0.5001)
				require.NotEqual(t, int8(-128), a.codes[b*Block+i])
			}
		}
	})
}

func TestQuantizeIsTheSameAtAllLevels(t *testing.T) {
	r := testRand(2)
	n, cols := 6, 320
	x := normals(r, n*cols)
	for i := range x {
		switch r.IntN(10) {
		case 0:
			x[i] = float32(math.Round(float64(x[i])*2) / 2) // ties
		case 1:
			x[i] *= 1e-38
		}
	}
	x[33], x[70], x[130], x[200] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32
	copy(x[320:352], make([]float32, 32))
	for i := 352; i < 384; i++ {
		x[i] = float32(i-352) * 1e-39
	}
	x[384] = -math.MaxFloat32
	var want *Q8
	at(cpu.Go, func() { want = quantized(x, n, cols) })
	for _, b := range []int{1, 2, 4} {
		assert.True(t, want.meta[b].scale != want.meta[b].scale, "block %d has no finite scale", b)
	}
	eachLevel(t, func(t *testing.T) {
		a := new(Q8)
		a.Resize(n, cols)
		for lo := 0; lo < n; lo += 2 {
			a.Quantize(x, lo, lo+2)
		}
		byColumns := new(Q8)
		byColumns.Resize(n, cols)
		for lo := 0; lo < cols; lo += 5 * Block {
			var part []float32
			for q := range n {
				part = append(part, x[q*cols+lo:][:5*Block]...)
			}
			byColumns.QuantizeColumns(part, lo, lo+5*Block)
		}
		assert.Equal(t, want.codes, a.codes)
		assert.Equal(t, a.codes, byColumns.codes)
		assert.Equal(t, a.wide, byColumns.wide)
		for i, c := range a.wide {
			require.EqualValues(t, a.codes[i], c)
		}
		for b := range a.meta {
			requireSame(t, []float32{want.meta[b].scale}, []float32{a.meta[b].scale}, b)
			requireSame(t, []float32{want.meta[b].scale}, []float32{byColumns.meta[b].scale}, b)
			require.Equal(t, want.meta[b].offset, byColumns.meta[b].offset)
			require.Equal(t, want.meta[b].offset, a.meta[b].offset)
			require.Equal(t, want.meta[b].pairs, a.meta[b].pairs)
		}
	})
}

func TestMulIsTheProductOfTheCodes(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, q4 := range []bool{false, true} {
			for _, cols := range []int{0, 32, 64, 96, 512, 544, 1056} {
				for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 9, 24, 25, 29} {
					for _, rows := range []int{1, 3, 7, 8, 9, 15, 16, 17, 33} {
						r := testRand(uint64(cols + n))
						x := normals(r, n*cols)
						for i := range x {
							if r.IntN(3) == 0 {
								x[i] = float32(4 - 8*r.IntN(2)) // codes of ±127
							}
						}
						a := quantized(x, n, cols)
						w := weights(r, q4, rows, cols)
						ld := rows + 3
						dst := guarded(span(n, ld, rows))
						doMul(q4, dst, ld, a, w, rows)
						requireGuards(t, dst)
						values, acts := dequantize(q4, w), dequantizeQ8(a)
						for q := range n {
							for j := range rows {
								var sum, size float64
								for c := range cols {
									p := acts[q*cols+c] * values[j*cols+c]
									sum += p
									size += math.Abs(p)
								}
								requireSum(t, sum, dst[q*ld+j], 1e-6, size, "q4 %v cols %d n %d rows %d q %d j %d", q4, cols, n, rows, q, j)
							}
							for j := rows; j < ld && q < n-1; j++ {
								require.True(t, isGuard(dst[q*ld+j]), "wrote between rows")
							}
						}
					}
				}
			}
		}
	})
}

// With scales that are powers of two and few blocks the products are exact, and
// so the same at all levels.
func TestMulOfExactScalesIsTheSameAtAllLevels(t *testing.T) {
	for _, q4 := range []bool{false, true} {
		r := testRand(5)
		n, rows, cols := 9, 35, 64
		x := integers(r, n*cols, 127)
		for b := 0; b < len(x); b += Block {
			x[b+r.IntN(Block)] = 127
		}
		w := weights(r, q4, rows, cols)
		size := len(w) / rows / (cols / Block)
		for b := 0; b < len(w); b += size {
			binary.LittleEndian.PutUint16(w[b:], toF16(0.25))
		}
		want := make([]float32, n*rows)
		at(cpu.Go, func() { doMul(q4, want, rows, quantized(x, n, cols), w, rows) })
		eachLevel(t, func(t *testing.T) {
			got := make([]float32, n*rows)
			doMul(q4, got, rows, quantized(x, n, cols), w, rows)
			requireSame(t, want, got, q4)
		})
	}
}

// The canonical order: one token and one row alone give the same bits as all.
func TestMulDoesNotDependOnTheCut(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, q4 := range []bool{false, true} {
			for _, cols := range []int{32, 576, 1024, 1600} {
				r := testRand(uint64(cols))
				n, rows := 33, 53
				x := normals(r, n*cols)
				w := weights(r, q4, rows, cols)
				size := len(w) / rows
				want := make([]float32, n*rows)
				for q := range n {
					a := quantized(x[q*cols:], 1, cols)
					for j := range rows {
						doMul(q4, want[q*rows+j:], 1, a, w[j*size:][:size], 1)
					}
				}
				for i := range 60 {
					q, j := r.IntN(n), r.IntN(rows)
					m, k := 1+r.IntN(n-q), 1+r.IntN(rows-j)
					if i == 0 {
						q, j, m, k = 0, 0, n, rows
					}
					got := make([]float32, m*k)
					doMul(q4, got, k, quantized(x[q*cols:], m, cols), w[j*size:], k)
					for i := range m {
						requireSame(t, want[(q+i)*rows+j:][:k], got[i*k:][:k], q4, cols, m, k)
					}
				}
			}
		}
	})
}

func TestMulPassesNaNOn(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, q4 := range []bool{false, true} {
			n, rows, cols := 5, 17, 96
			r := testRand(6)
			x := normals(r, n*cols)
			x[2*cols+40] = float32(math.Inf(1))
			dst := make([]float32, n*rows)
			doMul(q4, dst, rows, quantized(x, n, cols), weights(r, q4, rows, cols), rows)
			for i, v := range dst {
				assert.Equal(t, i/rows == 2, v != v, "output %d", i)
			}
		}
	})
}

func TestQ8Panics(t *testing.T) {
	a := new(Q8)
	assert.PanicsWithValue(t, "vec: Q8.Resize: got [1][40], want columns in blocks of 32", func() { a.Resize(1, 40) })
	a.Resize(2, 32)
	assert.PanicsWithValue(t, "vec: Q8.Quantize: got rows 1 to 3, want rows of 2", func() { a.Quantize(make([]float32, 96), 1, 3) })
	assert.PanicsWithValue(t, "vec: Q8.Quantize: got len(x) 63, want at least 64", func() { a.Quantize(make([]float32, 63), 1, 2) })
	assert.PanicsWithValue(t, "vec: Q8.QuantizeColumns: got columns 0 to 16, want columns of 32 in blocks of 32", func() { a.QuantizeColumns(make([]float32, 64), 0, 16) })
	assert.PanicsWithValue(t, "vec: Q8.QuantizeColumns: got len(x) 63, want at least 64", func() { a.QuantizeColumns(make([]float32, 63), 0, 32) })
	a.Quantize(make([]float32, 64), 0, 2)
	dst, w := make([]float32, 8), make([]byte, 4*sizeQ8_0)
	assert.PanicsWithValue(t, "vec: MulQ8_0: got len(w) 135, want at least 136", func() { MulQ8_0(dst, 4, a, w[:135], 4) })
	assert.PanicsWithValue(t, "vec: MulQ4_0: got len(dst) 7, want at least 8", func() { MulQ4_0(dst[:7], 4, a, w, 4) })
	assert.PanicsWithValue(t, "vec: MulQ4_0: got ld 3, want at least 4", func() { MulQ4_0(dst, 3, a, w, 4) })
}

func TestMulDoesNotAllocate(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 8} {
			a := new(Q8)
			x := make([]float32, n*64)
			w := make([]byte, 21*2*sizeQ8_0)
			run := func() {
				var dst [8 * 21]float32
				a.Resize(n, 64)
				a.Quantize(x, 0, n)
				MulQ8_0(dst[:], 21, a, w, 21)
				MulQ4_0(dst[:], 21, a, w, 21)
				MulQ4_0(dst[:], 21, a, w, 3)
			}
			run()
			assert.Zero(t, testing.AllocsPerRun(20, run))
		}
	})
}

func FuzzMulAgainstGo(f *testing.F) {
	f.Add(uint64(1), byte(3), byte(40), byte(2), true)
	f.Fuzz(func(t *testing.T, seed uint64, n, rows, blocks byte, q4 bool) {
		r := testRand(seed)
		N, R, cols := 1+int(n%20), 1+int(rows%80), int(blocks%40)*Block
		x, w := normals(r, N*cols), weights(r, q4, R, cols)
		want, got := guarded(N*R), guarded(N*R)
		doMul(q4, got, R, quantized(x, N, cols), w, R)
		at(cpu.Go, func() { doMul(q4, want, R, quantized(x, N, cols), w, R) })
		requireGuards(t, got)
		// Cancellation makes the error relative to the terms, which are below 6 here.
		requireNear(t, want[:N*R], got[:N*R], 1e-6*float64(1+cols)*6)
	})
}
