package policy

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
)

// top chooses as sorting would, over scores with many ties, both zeros,
// infinities and NaN.
func TestTopIsSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)), math.MaxFloat32, -math.SmallestNonzeroFloat32}
	for range 300 {
		score := make([]float32, 1+rng.IntN(80))
		for j := range score {
			switch rng.IntN(4) {
			case 0:
				score[j] = odd[rng.IntN(len(odd))]
			case 1:
				score[j] = float32(rng.IntN(3) - 1)
			default:
				score[j] = float32(rng.NormFloat64())
			}
		}
		n := rng.IntN(len(score) + 2)
		want := span(nil, 0, len(score))
		slices.SortStableFunc(want, func(a, b int32) int { return cmp.Compare(score[b], score[a]) })
		if n > 0 && n <= len(want) {
			require.Equal(t, want[len(want)-1], int32(worst(score)))
		}
		want = want[:min(n, len(want))]
		slices.Sort(want)
		require.Equal(t, want, top(make([]int32, len(score)), score, n), "%v, %d", score, n)
	}
}

func BenchmarkTop(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	score, slots := make([]float32, 16384), make([]int32, 16384)
	for j := range score {
		score[j] = rng.Float32()
	}
	for b.Loop() {
		top(slots, score, 1024)
	}
}

// Max pools as the largest of each window does, whatever its width.
func TestMaxPool(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 20 {
		x, got, want := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		for _, kernel := range []int{1, 3, 5, 7, 9, 15, 39, math.MaxInt} {
			for i := range want {
				want[i] = slices.Max(x[max(0, i-kernel/2) : min(n-1, i+min(n, kernel/2))+1])
			}
			require.Equal(t, want, Max.pool(got, x, kernel), "%d values, kernel %d", n, kernel)
		}
	}
}

// What cannot work together is refused, with what would.
func TestPairsThatCannotWork(t *testing.T) {
	for _, c := range []struct {
		p    kvcache.Checker
		want string
	}{
		{AdaKV{Scorer: AdaKV{}}, "budgets of their own"},
		{PyramidKV{Scorer: AdaKV{}}, "the other way round"},
		{AdaKV{Scorer: PyramidKV{Scorer: AdaKV{}}}, "budgets of their own"},
		{Recycled{Over: H2O{}}, "each generated token"},
		{Recycled{Over: TOVA{}}, "each generated token"},
		{Recycled{Over: KVzip{}}, "read again"},
		{KVzip{Chunk: -1}, "Chunk -1"},
		{KVzip{Budget: 3, Sink: 4}, "Sink 4"},
		{Recycled{Over: Recycled{}}, "another Recycled"},
		{Recycled{Over: Window{Renumber: true}}, "renumbered Window"},
		{Recycled{Over: SnapKV{Kernel: 2}}, "Kernel 2"},
		{AdaKV{Scorer: SnapKV{Kernel: 2}}, "Kernel 2"},
		{AdaKV{Scorer: CriticalKV{Scorer: AdaKV{}}}, "budgets of their own"},
		{AdaKV{Scorer: ChunkKV{Scorer: PyramidKV{Scorer: AdaKV{}}, PerHead: true}}, "budgets of their own"},
		{AdaKV{Scorer: LagKV{}}, "all heads alike"},
		{AdaKV{Scorer: PyramidKV{Scorer: ChunkKV{}}}, "all heads alike"},
		{AdaKV{Scorer: ChunkKV{Scorer: LagKV{}, PerHead: true}}, "all heads alike"},
		{ChunkKV{Scorer: AdaKV{}}, "the other way round"},
		{ChunkKV{Scorer: SnapKV{Kernel: 2}}, "Kernel 2"},
		{ChunkKV{Length: -1}, "Length -1"},
		{LagKV{Budget: -1}, "Budget -1"},
		{LagKV{Lag: -1}, "Lag -1"},
		{LagKV{Budget: 100, Lag: 49}, "Lag 49"},
		{LagKV{Lag: math.MaxInt}, "Lag 9223372036854775807"},
		{CurDKV{Budget: 3, Sink: 4}, "Sink 4"},
		{CurDKV{Budget: -1}, "Budget -1"},
		{NonCausalAttention{Budget: -1}, "Budget -1"},
		{NonCausalAttention{Chunk: -1}, "Chunk -1"},
		{NonCausalAttention{Sink: -1}, "Sink -1"},
		{NonCausalAttention{Budget: 8, Sink: 5, Recent: 4}, "Recent 4"},
		{CriticalKV{First: 2}, "First 2"},
		{CriticalKV{Epsilon: math.Inf(1)}, "Epsilon"},
		{ExpectedAttention{Budget: 3, Sink: 4}, "Sink 4"},
		{ExpectedAttention{Future: -1}, "Future -1"},
		{ExpectedAttention{Epsilon: math.NaN()}, "Epsilon"},
		{Merge{}, "no Policy"},
		{Merge{Policy: Merge{}}, "another Merge"},
		{Merge{Policy: KVzip{}}, "layers together"},
		{Merge{Policy: Recycled{}}, "drops nothing"},
		{Merge{Policy: SnapKV{}, How: 9}, "How 9"},
		{Merge{Policy: SnapKV{Kernel: 2}}, "Kernel 2"},
		{LookM{Recent: -1}, "Recent -1"},
		{Random{Budget: 4, Recent: 5}, "Recent 5"},
		{Random{Budget: -1}, "Budget -1"},
	} {
		require.ErrorContains(t, c.p.Check(kvcache.Shape{}, kvcache.Config{}), c.want)
	}
	_, err := kvcache.New(kvcache.Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: 2}, kvcache.Config{Policy: Recycled{Over: TOVA{}}})
	require.ErrorContains(t, err, "each generated token", "and no cache is made")
	for _, p := range []kvcache.Policy{ExpectedAttention{}, CriticalKV{}} {
		_, err := kvcache.New(kvcache.Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: 2}, kvcache.Config{Policy: p})
		require.ErrorContains(t, err, "wants a Config.Model", "%T", p)
	}
	for _, p := range []kvcache.Checker{
		Recycled{Over: AdaKV{Scorer: KeyDiff{}}}, AdaKV{Scorer: LagKV{Cross: true}}, AdaKV{Scorer: ChunkKV{PerHead: true}},
		LagKV{Budget: 1}, LagKV{Budget: 5}, LagKV{Budget: 100, Lag: 48}, CurDKV{Budget: 1}, NonCausalAttention{Budget: 1},
	} {
		require.NoError(t, p.Check(kvcache.Shape{}, kvcache.Config{}), "%+v", p)
	}
}

// Lots are fair: over many positions each half of them keeps about half, heads
// and layers and seeds draw their own.
func TestRandom(t *testing.T) {
	keep := func(p Random, index int) [][]int32 {
		l := newLayer(t, 2, 2, 2, p)
		l.c.Layer(0).Index = index
		x := make([]float32, 2000*4)
		l.step(true, x, x, x)
		return l.kept()
	}
	p := Random{Budget: 500, Recent: 10, Seed: 1}
	first := keep(p, 0)
	require.Equal(t, first, keep(p, 0))
	require.NotEqual(t, first[0], first[1])
	require.NotEqual(t, first, keep(p, 1))
	require.NotEqual(t, first, keep(Random{Budget: 500, Recent: 10, Seed: 2}, 0))
	for _, kept := range first {
		require.Len(t, kept, 500)
		require.Equal(t, span(nil, 1990, 2000), kept[490:])
		half, _ := slices.BinarySearch(kept, 995)
		require.InDelta(t, 245, half, 45, "four standard deviations")
	}
}
