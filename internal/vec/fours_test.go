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

// fourBytes are random columns [cols/4][n][4] and their scales, from odd addresses.
func fourBytes(r *rand.Rand, cols, n int) (w, scales []byte) {
	w, scales = make([]byte, 1+cols*n)[1:], make([]byte, 1+4*n)[1:]
	for i := range w {
		w[i] = byte(1 + r.IntN(255)) // what int8 from -127 to 127 gives
	}
	for j := range n {
		binary.LittleEndian.PutUint32(scales[4*j:], math.Float32bits(r.Float32()))
	}
	return w, scales
}

func quantized16(x []float32, n, ld, cols int, scales []byte) *Q16 {
	a := new(Q16)
	a.Resize(n, cols)
	a.Quantize(x, ld, scales)
	return a
}

func TestQ16LosesA65000th(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for cols := 4; cols <= 132; cols += 4 {
			const n = 3
			r := testRand(uint64(cols))
			ld := cols + 5
			x := normals(r, span(n, ld, cols))
			_, scales := fourBytes(r, 4, cols)
			for _, s := range [][]byte{nil, scales} {
				a := quantized16(x, n, ld, cols, s)
				for q := range n {
					var most float64
					value := func(c int) float64 {
						if s == nil {
							return float64(x[q*ld+c])
						}
						return float64(x[q*ld+c] * math.Float32frombits(binary.LittleEndian.Uint32(s[4*c:])))
					}
					for c := range cols {
						most = max(most, math.Abs(value(c)))
					}
					sum := int32(0)
					for c := range cols {
						code := int32(a.high[q*cols+c])*256 + int32(a.low[q*cols+c])
						sum += code
						require.InDelta(t, value(c), float64(code)*float64(a.meta[q].scale), most/65000)
					}
					require.Equal(t, -128*sum, a.meta[q].offset)
				}
			}
		}
	})
}

// Sums of codes are exact and nothing after them is fused: all levels agree.
func TestFoursAreTheSameAtAllLevels(t *testing.T) {
	for _, cols := range []int{4, 12, 16, 64, 100, 128, 256} {
		for _, n := range []int{1, 7, 16, 32, 48, 64, 70, 80, 144} {
			for _, vectors := range []int{1, 2, 3, 4, 5, 6, 11, 13} {
				r := testRand(uint64(cols*1000 + n))
				w, scales := fourBytes(r, cols, n)
				x, ld := normals(r, vectors*cols), n+3
				start := normals(r, vectors*n)
				products := func() (dot, add []float32) {
					a := quantized16(x, vectors, cols, cols, nil)
					dot, add = guarded(span(vectors, ld, n)), guarded(vectors*n)
					DotFours(dot[:span(vectors, ld, n)], ld, a, w, scales, n, w)
					copy(add, start)
					AddFours(add[:vectors*n], a, w, n, nil)
					requireGuards(t, dot)
					requireGuards(t, add)
					return dot, add
				}
				var dot, add []float32
				at(cpu.Go, func() { dot, add = products() })
				if cols == 64 {
					requireProducts(t, dot, ld, x, w, scales, n)
				}
				eachLevel(t, func(t *testing.T) {
					gotDot, gotAdd := products()
					requireSame(t, dot, gotDot, cols, n, vectors)
					requireSame(t, add, gotAdd, cols, n, vectors)
				})
			}
		}
	}
}

// requireProducts wants dot to be the products of x with columns of 64 codes.
func requireProducts(t *testing.T, dot []float32, ld int, x []float32, w, scales []byte, n int) {
	const cols = 64
	for q := range len(x) / cols {
		for j := range n {
			var sum float64
			for c := range cols {
				sum += float64(x[q*cols+c]) * (float64(w[(c/4*n+j)*4+c%4]) - 128)
			}
			scale := float64(math.Float32frombits(binary.LittleEndian.Uint32(scales[4*j:])))
			require.InDelta(t, sum*scale, dot[q*ld+j], 0.4, "of sums that reach %v", 64*127*4)
		}
		for j := n; j < ld && q < len(x)/cols-1; j++ {
			require.True(t, isGuard(dot[q*ld+j]), "wrote between rows")
		}
	}
}

func TestFoursOfTheLargestCodes(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		const cols, n = 256, 64
		w, scales := fourBytes(testRand(1), cols, n)
		x := make([]float32, cols)
		for c := range x {
			x[c] = -1
		}
		for i := range w {
			w[i] = 255
		}
		for j := range n {
			binary.LittleEndian.PutUint32(scales[4*j:], math.Float32bits(1))
		}
		dst := make([]float32, n)
		DotFours(dst, n, quantized16(x, 1, cols, cols, nil), w, scales, n, nil)
		for _, v := range dst {
			require.InEpsilon(t, -127*cols, v, 1e-6)
		}
	})
}

func TestFoursOfSpecialValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	eachLevel(t, func(t *testing.T) {
		for _, cols := range []int{12, 32} {
			w, scales := fourBytes(testRand(2), cols, 16)
			x := make([]float32, 4*cols)
			x[1], x[cols+2], x[3*cols] = nan, inf, 1e-35
			dst := make([]float32, 4*16)
			DotFours(dst, 16, quantized16(x, 4, cols, cols, nil), w, scales, 16, nil)
			for i, v := range dst {
				if i < 32 {
					require.True(t, v != v, "of NaN and infinity")
				} else {
					require.Zero(t, v, "of zeros and of what is next to zero")
				}
			}
			add := make([]float32, 4*16)
			AddFours(add, quantized16(x, 4, cols, cols, nil), w, 16, nil)
			for i, v := range add {
				require.Equal(t, i < 32, v != v)
			}
		}
	})
}

func TestFoursOfNothing(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		DotFours(nil, 0, new(Q16), nil, nil, 16, nil)
		AddFours(nil, new(Q16), nil, 16, nil)
		dst := []float32{5}
		AddFours(dst, quantized16(nil, 1, 0, 0, nil), nil, 1, nil)
		assert.Equal(t, []float32{5}, dst)
		assert.PanicsWithValue(t, "vec: DotFours: got len(w) 63, want at least 64", func() {
			DotFours(make([]float32, 16), 16, quantized16(make([]float32, 4), 1, 4, 4, nil), make([]byte, 63), make([]byte, 64), 16, nil)
		})
		assert.Panics(t, func() { new(Q16).Resize(1, 6) })
	})
}

func FuzzFoursAgainstGo(f *testing.F) {
	f.Add(uint64(1), byte(3), byte(16), byte(64))
	f.Fuzz(func(t *testing.T, seed uint64, vectors, fours, n byte) {
		r := testRand(seed)
		V, C, N := 1+int(vectors%14), 4*(1+int(fours%70)), 1+int(n)
		w, scales := fourBytes(r, C, N)
		x := normals(r, V*C)
		want, got := guarded(V*N), guarded(V*N)
		product := func(dst []float32) {
			a := quantized16(x, V, C, C, nil)
			DotFours(dst[:V*N], N, a, w, scales, N, nil)
			AddFours(dst[:V*N], a, w, N, nil)
		}
		product(got)
		at(cpu.Go, func() { product(want) })
		requireSame(t, want, got)
	})
}
