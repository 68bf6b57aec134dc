package vec

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/winnowlm/winnow/internal/cpu"
)

// ulps is the distance of got from the exact value in units of its last place.
func ulps(exact float64, got float32) float64 {
	if exact == float64(got) {
		return 0
	}
	near := float32(exact)
	if math.IsInf(float64(near), 0) || math.IsInf(float64(got), 0) {
		if near == got {
			return 0
		}
		return math.Inf(1)
	}
	_, e := math.Frexp(exact)
	return math.Abs(exact-float64(got)) / math.Ldexp(1, max(e-24, -149))
}

func TestExpIsAccurate(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		var x []float32
		for v := float64(-110); v < 92; v += 0.00173 {
			x = append(x, float32(v))
		}
		for e := -30; e < 0; e++ {
			x = append(x, float32(math.Ldexp(1, e)), -float32(math.Ldexp(1, e)))
		}
		x = append(x, 0, -87.33654, -87.33655, -103.97, -103.98, 88.72283, 88.72284, 1e30, -1e30)
		y := append([]float32(nil), x...)
		ExpSum(y, 0)
		worst := 0.0
		for i, v := range x {
			worst = max(worst, ulps(math.Exp(float64(v)), y[i]))
			if !(worst <= 2) {
				require.LessOrEqual(t, worst, 2.0, "exp(%v) = %v, got %v", v, math.Exp(float64(v)), y[i])
			}
		}
		t.Logf("worst error %.2f ulp", worst)
	})
}

func TestExpSumOfSpecialValues(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		inf := float32(math.Inf(1))
		x := []float32{-inf, 0, inf, float32(math.NaN()), -1e38, 3, -inf, -inf, -inf, 3, inf}
		sum := ExpSum(x, 3)
		assert.True(t, sum != sum)
		assert.True(t, x[3] != x[3])
		for _, i := range []int{0, 4, 6, 7, 8} {
			assert.Zero(t, math.Float32bits(x[i]), "exp(-Inf) is +0 at %d", i)
		}
		assert.Equal(t, []float32{inf, 1, 1, inf}, []float32{x[2], x[5], x[9], x[10]})
		assert.Zero(t, ExpSum(nil, 0))
	})
}

// A row that is padded with -Inf sums to the same bits, and a value becomes the
// same bits wherever it stands.
func TestExpSumIgnoresPadding(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := testRand(3)
		for n := range 70 {
			x := normals(r, n)
			want := append([]float32(nil), x...)
			sum := ExpSum(want, 0.5)
			var total float64
			for i := range x {
				total += float64(want[i])
				one := []float32{x[i]}
				require.Equal(t, want[i], ExpSum(one, 0.5))
				require.Equal(t, want[i], one[0])
			}
			require.InEpsilon(t, total+1, sum+1, 1e-6)
			for pad := 1; pad < 40; pad += 3 {
				got := guarded(n + pad)
				copy(got, x)
				for i := n; i < n+pad; i++ {
					got[i] = float32(math.Inf(-1))
				}
				require.Equal(t, sum, ExpSum(got[:n+pad], 0.5), "n %d pad %d", n, pad)
				requireGuards(t, got)
				requireSame(t, want, got[:n])
				requireSame(t, make([]float32, pad), got[n:n+pad])
			}
		}
	})
}

func TestMax(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		assert.Equal(t, float32(math.Inf(-1)), Max(nil))
		r := testRand(3)
		for n := 1; n < 70; n++ {
			x := normals(r, n)
			for i := range x {
				x[i] -= 10
			}
			for i := range x {
				y := append([]float32(nil), x...)
				y[i] = -1
				y[(i+1)%n] = min(y[(i+1)%n], float32(math.Inf(-1)))
				if n > 1 {
					require.Equal(t, float32(-1), Max(y))
				}
				y[(i+1)%n] = float32(math.NaN())
				if n > 1 {
					require.Equal(t, float32(-1), Max(y), "NaN is passed over, n %d i %d", n, i)
				}
			}
		}
	})
}

func TestElementwiseFunctionsAreTheSameAtAllLevels(t *testing.T) {
	r := testRand(8)
	for n := range 131 {
		a, b := normals(r, n), normals(r, n)
		for name, f := range map[string]func(dst []float32){
			"Scale": func(dst []float32) { Scale(dst, 1.7) },
			"Add":   func(dst []float32) { Add(dst, b) },
			"Mul":   func(dst []float32) { Mul(dst, b) },
		} {
			want := append([]float32(nil), a...)
			for i := range want {
				switch name {
				case "Scale":
					want[i] *= 1.7
				case "Add":
					want[i] += b[i]
				case "Mul":
					want[i] *= b[i]
				}
			}
			eachLevel(t, func(t *testing.T) {
				got := guarded(n)
				copy(got, a)
				f(got[:n])
				requireGuards(t, got)
				requireSame(t, want, got[:n], name, n)
			})
		}
	}
}

func TestTranspose(t *testing.T) {
	r := testRand(9)
	eachLevel(t, func(t *testing.T) {
		for _, rows := range []int{0, 1, 7, 8, 16, 24, 64} {
			for _, cols := range []int{0, 1, 8, 12, 16, 40, 64, 128} {
				x, got := normals(r, rows*cols), guarded(rows*cols)
				Transpose(got[:rows*cols], x, rows, cols)
				requireGuards(t, got)
				for j := range rows {
					for d := range cols {
						require.Equal(t, x[j*cols+d], got[d*rows+j], "row %d of %d, column %d of %d", j, rows, d, cols)
					}
				}
			}
		}
	})
}

func TestRMSNorm(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := testRand(8)
		for _, n := range []int{0, 1, 7, 8, 31, 32, 33, 64, 100, 576, 2048} {
			x, w := normals(r, n), normals(r, n)
			var ss float64
			for _, v := range x {
				ss += float64(v) * float64(v)
			}
			s := 1 / math.Sqrt(ss/float64(max(n, 1))+1e-5)
			want := make([]float32, n)
			for i := range want {
				want[i] = float32(float64(x[i]) * s * float64(w[i]))
			}
			got := guarded(n)
			RMSNorm(got[:n], x, w, 1e-5)
			requireGuards(t, got)
			requireNear(t, want, got[:n], 1e-6, n)
			RMSNorm(x, x, w, 1e-5)
			requireSame(t, got[:n], x, "in place")
		}
	})
}

func TestSiluMul(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := testRand(8)
		for n := range 50 {
			g, u := normals(r, n), normals(r, n)
			for i := range g {
				g[i] *= 12
			}
			if n > 20 {
				g[3], g[5], g[18] = -1e30, 200, float32(math.NaN())
			}
			want := make([]float32, n)
			for i := range g {
				want[i] = float32(float64(g[i]) / (1 + math.Exp(-float64(g[i]))) * float64(u[i]))
			}
			got := guarded(n)
			copy(got, g)
			SiluMul(got[:n], u)
			requireGuards(t, got)
			requireNear(t, want, got[:n], 1e-6, n)
			for i := range g { // where an element stands does not matter
				one := g[i : i+1]
				SiluMul(one, u[i:])
				requireSame(t, got[i:i+1], one, n, i)
			}
		}
	})
}

func TestRotate(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, interleaved := range []bool{false, true} {
			for rot := 0; rot <= 80; rot += 2 {
				r := testRand(uint64(rot))
				heads, dim := 3, rot+rot%3+1
				x, cos, sin := normals(r, heads*dim), make([]float32, rot/2), make([]float32, rot/2)
				want := append([]float32(nil), x...)
				for i := range cos {
					s, c := math.Sincos(r.Float64() * 7)
					cos[i], sin[i] = float32(c), float32(s)
					for h := range heads {
						a, b := h*dim+i, h*dim+i+rot/2
						if interleaved {
							a, b = h*dim+2*i, h*dim+2*i+1
						}
						u, v := float64(x[a]), float64(x[b])
						want[a], want[b] = float32(u*c-v*s), float32(u*s+v*c)
					}
				}
				Rotate(x, cos, sin, heads, dim, rot, interleaved)
				requireNear(t, want, x, 1e-6, fmt.Sprint(interleaved, rot))
			}
		}
	})
}

func TestMathDoesNotAllocate(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		assert.Zero(t, testing.AllocsPerRun(10, func() {
			var x, y [40]float32 // on the stack, if the kernels let them
			var b [80]byte
			ExpSum(x[:], Max(x[:]))
			SiluMul(x[:], y[:])
			RMSNorm(x[:], x[:], y[:], 1)
			Add(x[:], y[:])
			Transpose(x[:], y[:], 8, 5)
			Rotate(x[:], y[:16], y[:16], 1, 40, 32, true)
			F32ToF16(b[:], x[:])
			BF16ToF32(x[:], b[:])
		}))
	})
}

func TestMathPanicsOnShortSlices(t *testing.T) {
	x := make([]float32, 4)
	assert.PanicsWithValue(t, "vec: Add: got len(x) 3, want at least 4", func() { Add(x, x[:3]) })
	assert.PanicsWithValue(t, "vec: Transpose: got len(src) 3, want at least 4", func() { Transpose(x, x[:3], 2, 2) })
	assert.PanicsWithValue(t, "vec: RMSNorm: got len(w) 3, want at least 4", func() { RMSNorm(x, x, x[:3], 0) })
	assert.PanicsWithValue(t, "vec: Rotate: got dim 2, want at least 4", func() { Rotate(x, x, x, 2, 2, 4, false) })
	assert.PanicsWithValue(t, "vec: F32ToF16: got len(dst) 7, want at least 8", func() { F32ToF16(make([]byte, 7), x) })
}

func FuzzExpSumAgainstGo(f *testing.F) {
	f.Add(uint64(1), byte(40), float32(3))
	f.Fuzz(func(t *testing.T, seed uint64, n byte, max float32) {
		x := normals(testRand(seed), int(n))
		want, got := append([]float32(nil), x...), append([]float32(nil), x...)
		s := ExpSum(got, max)
		var sum float32
		at(cpu.Go, func() { sum = ExpSum(want, max) })
		requireNear(t, append(want, sum), append(got, s), 1e-6)
	})
}

func TestSumAbs(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := testRand(4)
		for n := range 140 {
			x := normals(r, n)
			sum := 0.0
			for _, v := range x {
				sum += math.Abs(float64(v))
			}
			require.InDelta(t, sum, SumAbs(x), 1e-6*sum)
		}
		inf := float32(math.Inf(-1))
		require.Equal(t, -inf, SumAbs([]float32{1, inf, 2}))
	})
}
