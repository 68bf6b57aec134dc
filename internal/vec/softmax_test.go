package vec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/winnowlm/winnow/internal/cpu"
)

// running is what Softmax updates.
type running struct{ s, most, sum, factor []float32 }

// newRunning has rows [rows][ld] of logits, guarded between and after the first n
// values of each, behind earlier ones.
func newRunning(seed uint64, rows, ld, n int) running {
	r := testRand(seed)
	x := running{guarded(span(rows, ld, n)), guarded(rows), guarded(rows), guarded(rows)}
	for q := range rows {
		copy(x.s[q*ld:], normals(r, n))
		x.most[q], x.sum[q] = float32(r.NormFloat64()), 1+r.Float32()
		if r.IntN(3) == 0 {
			x.most[q], x.sum[q] = float32(math.Inf(-1)), 0
		}
	}
	return x
}

func (x running) clone() running {
	c := func(v []float32) []float32 { return append([]float32(nil), v...) }
	return running{c(x.s), c(x.most), c(x.sum), c(x.factor)}
}

func (x running) softmax(rows, ld, n int) running {
	Softmax(x.s[:span(rows, ld, n)], ld, n, x.most[:rows], x.sum[:rows], x.factor[:rows])
	return x
}

func TestSoftmaxIsTheDefinition(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := 1; n <= 70; n++ {
			for _, rows := range []int{1, 3, 5} {
				ld := n + n%3
				x := newRunning(uint64(n), rows, ld, n)
				got := x.clone().softmax(rows, ld, n)
				for _, v := range [][]float32{got.s, got.most, got.sum, got.factor} {
					requireGuards(t, v)
				}
				for q := range rows {
					most := float64(x.most[q])
					for _, v := range x.s[q*ld:][:n] {
						most = max(most, float64(v))
					}
					factor := math.Exp(float64(x.most[q]) - most)
					sum := float64(x.sum[q]) * factor
					for j, v := range x.s[q*ld:][:n] {
						e := math.Exp(float64(v) - most)
						sum += e
						require.InDelta(t, e, got.s[q*ld+j], 1e-6)
					}
					for j := n; j < ld && q < rows-1; j++ {
						require.True(t, isGuard(got.s[q*ld+j]), "wrote between rows")
					}
					require.Equal(t, float32(most), got.most[q])
					require.InDelta(t, factor, got.factor[q], 1e-6)
					require.InEpsilon(t, sum, got.sum[q], 1e-6)
				}
			}
		}
	})
}

// What becomes of a row depends neither on the rows beside it nor on -Inf after it.
func TestSoftmaxOfARowIsItsOwn(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := 1; n <= 64; n++ {
			const rows, ld = 7, 80
			x := newRunning(uint64(n), rows, ld, ld)
			for q := range rows {
				for j := n; j < ld; j++ {
					x.s[q*ld+j] = float32(math.Inf(-1))
				}
			}
			want := x.clone().softmax(rows, ld, n)
			padded := x.clone().softmax(rows, ld, min(ld, n+n%17))
			requireSame(t, want.sum, padded.sum)
			for q := range rows {
				requireSame(t, want.s[q*ld:][:n], padded.s[q*ld:][:n])
				one := running{x.s[q*ld:], x.most[q:], x.sum[q:], x.factor[q:]}.clone().softmax(1, ld, n)
				requireSame(t, want.s[q*ld:][:n], one.s[:n])
				requireSame(t, []float32{want.most[q], want.sum[q], want.factor[q]}, []float32{one.most[0], one.sum[0], one.factor[0]})
			}
		}
	})
}

func TestSoftmaxOfSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{3, 8, 16, 21} {
			row := func(v float32) running {
				x := running{make([]float32, n), []float32{-inf}, []float32{0}, []float32{0}}
				for j := range x.s {
					x.s[j] = v
				}
				return x
			}
			nothing := row(-inf).softmax(1, n, n)
			assert.Equal(t, row(0).s, nothing.s, "weights of nothing")
			assert.Equal(t, []float32{-inf, 0, 0}, []float32{nothing.most[0], nothing.sum[0], nothing.factor[0]})
			later := row(-inf)
			later.most[0], later.sum[0] = 3, 2
			later = later.softmax(1, n, n)
			assert.Equal(t, []float32{3, 2, 1}, []float32{later.most[0], later.sum[0], later.factor[0]})
			bad := row(1)
			bad.s[n-1] = nan
			bad = bad.softmax(1, n, n)
			assert.Equal(t, float32(1), bad.most[0], "NaN is passed over")
			assert.True(t, bad.sum[0] != bad.sum[0] && bad.s[n-1] != bad.s[n-1])
			assert.Equal(t, float32(1), bad.s[0])
		}
	})
}

func TestMixIsTheSameAtAllLevels(t *testing.T) {
	r := testRand(8)
	for n := range 70 {
		a, b := normals(r, n), normals(r, n)
		want := append([]float32(nil), a...)
		for i := range want {
			want[i] = float32(a[i]*1.7) + float32(b[i]*0.3) // not fused
		}
		eachLevel(t, func(t *testing.T) {
			got := guarded(n)
			copy(got, a)
			Mix(got[:n], b, 1.7, 0.3)
			requireGuards(t, got)
			requireSame(t, want, got[:n], n)
		})
	}
}

func TestSoftmaxPanicsOnShortSlices(t *testing.T) {
	x := make([]float32, 8)
	assert.PanicsWithValue(t, "vec: Softmax: got len(s) 7, want at least 8", func() { Softmax(x[:7], 4, 4, x[:2], x, x) })
	assert.PanicsWithValue(t, "vec: Softmax: got ld 3, want at least 4", func() { Softmax(x, 3, 4, x[:2], x, x) })
	assert.PanicsWithValue(t, "vec: Softmax: got len(factor) 1, want at least 2", func() { Softmax(x, 4, 4, x[:2], x, x[:1]) })
	assert.PanicsWithValue(t, "vec: Mix: got len(x) 7, want at least 8", func() { Mix(x, x[:7], 1, 1) })
}

func FuzzSoftmaxAgainstGo(f *testing.F) {
	f.Add(uint64(1), byte(5), byte(40))
	f.Fuzz(func(t *testing.T, seed uint64, rows, n byte) {
		R, N := int(rows%9), int(n%100)
		x := newRunning(seed, R, N+1, N)
		got, want := x.clone().softmax(R, N+1, N), running{}
		at(cpu.Go, func() { want = x.clone().softmax(R, N+1, N) })
		requireNear(t, want.s, got.s, 1e-6)
		requireNear(t, want.sum, got.sum, 1e-6)
		requireSame(t, want.most, got.most)
		requireNear(t, want.factor, got.factor, 1e-6)
	})
}
