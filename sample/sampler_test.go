package sample_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/sample"
)

func newSampler(t testing.TB, o sample.Options) *sample.Sampler {
	t.Helper()
	s, err := sample.New(o)
	require.NoError(t, err)
	return s
}

func next(t testing.TB, s *sample.Sampler, logits ...float32) int32 {
	t.Helper()
	id, err := s.Next(logits)
	require.NoError(t, err)
	return id
}

// survivors returns the tokens that come in many draws.
func survivors(t testing.TB, o sample.Options, logits ...float32) []int32 {
	s := newSampler(t, o)
	seen := map[int32]bool{}
	for range 300 {
		seen[next(t, s, logits...)] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func TestNewNamesTheField(t *testing.T) {
	for name, set := range map[string]func(*sample.Options, float32){
		"Temperature":      func(o *sample.Options, x float32) { o.Temperature = x },
		"TopP":             func(o *sample.Options, x float32) { o.TopP = x },
		"MinP":             func(o *sample.Options, x float32) { o.MinP = x },
		"RepeatPenalty":    func(o *sample.Options, x float32) { o.RepeatPenalty = x },
		"PresencePenalty":  func(o *sample.Options, x float32) { o.PresencePenalty = x },
		"FrequencyPenalty": func(o *sample.Options, x float32) { o.FrequencyPenalty = x },
	} {
		for _, x := range []float32{-1, -1e-9, nan, inf, -inf} {
			var o sample.Options
			set(&o, x)
			_, err := sample.New(o)
			assert.ErrorContains(t, err, name+" is ", "%v", x)
		}
	}
	for want, o := range map[string]sample.Options{
		"TopP is 1.5":         {TopP: 1.5},
		"MinP is 1.0":         {MinP: 1.0000001},
		"TopK is -1":          {TopK: -1},
		"Bias names token -2": {Bias: map[int32]float32{-2: 1}},
		"Bias of token 7":     {Bias: map[int32]float32{7: nan}},
	} {
		_, err := sample.New(o)
		assert.ErrorContains(t, err, want)
	}
}

func TestGreedy(t *testing.T) {
	s := newSampler(t, sample.Options{})
	assert.EqualValues(t, 2, next(t, s, 1, 2, 3, -1))
	assert.EqualValues(t, 1, next(t, s, 1, 3, 3, 3), "a tie goes to the lower id")
	assert.EqualValues(t, 0, next(t, s, negativeZero, 0), "zeros are equal")
	assert.EqualValues(t, 2, next(t, s, nan, -inf, -5, nan))
	assert.EqualValues(t, 1, next(t, s, 9, inf, inf))
	assert.EqualValues(t, 0, next(t, s, -math.MaxFloat32), "a vocabulary of one token")
	assert.EqualValues(t, 1, next(t, newSampler(t, sample.Options{TopK: 3, TopP: 0.5, MinP: 0.5}), 1, 3, 2), "filters are moot")
}

func TestFilters(t *testing.T) {
	// Probabilities 1/2, 1/4, 1/8, 1/8, out of order.
	logits := []float32{float32(math.Log(2)), 0, float32(math.Log(4)), 0}
	for name, c := range map[string]struct {
		o    sample.Options
		want []int32
	}{
		"none":                            {sample.Options{}, []int32{0, 1, 2, 3}},
		"top-k beyond the vocabulary":     {sample.Options{TopK: 9}, []int32{0, 1, 2, 3}},
		"top-k takes the lower of a tie":  {sample.Options{TopK: 3}, []int32{0, 1, 2}},
		"top-k of one":                    {sample.Options{TopK: 1}, []int32{2}},
		"top-p":                           {sample.Options{TopP: 0.7}, []int32{0, 2}},
		"top-p takes the lower of a tie":  {sample.Options{TopP: 0.8}, []int32{0, 1, 2}},
		"top-p all but one":               {sample.Options{TopP: 0.9999}, []int32{0, 1, 2, 3}},
		"tiny top-p keeps one":            {sample.Options{TopP: 1e-30}, []int32{2}},
		"min-p":                           {sample.Options{MinP: 0.3}, []int32{0, 2}},
		"min-p of one keeps the greatest": {sample.Options{MinP: 1}, []int32{2}},
		// After top-k the probabilities are 2/3 and 1/3: without it 0.7 would need no less than two.
		"top-p after top-k": {sample.Options{TopK: 2, TopP: 0.6}, []int32{2}},
		// The flattening of temperature 100 comes after top-p and min-p.
		"temperature comes last": {sample.Options{Temperature: 100, TopP: 0.7, MinP: 0.3}, []int32{0, 2}},
	} {
		if c.o.Temperature == 0 {
			c.o.Temperature = 1
		}
		assert.Equal(t, c.want, survivors(t, c.o, logits...), name)
	}
	assert.Equal(t, []int32{0, 1}, survivors(t, sample.Options{Temperature: 1, TopP: 0.5}, 0, 0, 0, 0), "half of four equals")
}

func TestOddLogits(t *testing.T) {
	for name, o := range map[string]sample.Options{
		"greedy":      {},
		"temperature": {Temperature: 1},
		"cold":        {Temperature: math.SmallestNonzeroFloat32},
		"hot":         {Temperature: math.MaxFloat32},
		"filters":     {Temperature: 1, TopK: 2, TopP: 0.9, MinP: 0.1},
		"penalties":   {Temperature: 1, RepeatPenalty: 2, PresencePenalty: 1, FrequencyPenalty: math.MaxFloat32},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSampler(t, o)
			_, err := s.Next(nil)
			assert.ErrorContains(t, err, "no logits")
			for _, none := range [][]float32{{nan}, {-inf}, {nan, -inf, nan}, {-inf, -inf, -inf, -inf, -inf}} {
				id, err := s.Next(none)
				assert.ErrorIs(t, err, sample.ErrNoToken)
				assert.EqualValues(t, -1, id)
			}
			assert.Equal(t, []int32{1}, survivors(t, o, nan, 0, -inf, nan))
			assert.Subset(t, []int32{1, 3}, survivors(t, o, 5, inf, nan, inf, math.MaxFloat32))
			assert.Equal(t, []int32{2}, survivors(t, o, -inf, -inf, -math.MaxFloat32))
			assert.Equal(t, []int32{0}, survivors(t, o, 3))
		})
	}
	assert.Equal(t, []int32{1, 3}, survivors(t, sample.Options{Temperature: 1}, 5, inf, nan, inf), "infinities share")
}

// probe returns the logits after mask, bias and penalties: each is what a rival logit must exceed to win.
func probe(t *testing.T, s *sample.Sampler, logits []float32, i int) (lo, hi float32) {
	t.Helper()
	rivals := slices.Clone(logits)
	for j := range rivals {
		if j != i {
			rivals[j] = -inf
		}
	}
	rival := len(rivals)
	rivals = append(rivals, 0)
	lo, hi = -1000, 1000
	for range 60 {
		rivals[rival] = lo + (hi-lo)/2
		if next(t, s, rivals...) == int32(i) {
			lo = rivals[rival]
		} else {
			hi = rivals[rival]
		}
	}
	return lo, hi
}

func TestPenaltiesByHand(t *testing.T) {
	logits := []float32{3, -2, 1, 0}
	history := []int32{2, 0, 1, 0, -7, 1_000_000, 0, 1} // ids outside the vocabulary only take up room
	for name, c := range map[string]struct {
		o    sample.Options
		want []float32
	}{
		"off":              {sample.Options{}, []float32{3, -2, 1, 0}},
		"repeat":           {sample.Options{RepeatPenalty: 2}, []float32{1.5, -4, 0.5, 0}},
		"presence":         {sample.Options{PresencePenalty: 0.5}, []float32{2.5, -2.5, 0.5, 0}},
		"frequency":        {sample.Options{FrequencyPenalty: 0.25}, []float32{2.25, -2.5, 0.75, 0}},
		"window":           {sample.Options{FrequencyPenalty: 0.25, PenaltyWindow: 5}, []float32{2.5, -2.25, 1, 0}},
		"everything":       {sample.Options{RepeatPenalty: 2, PresencePenalty: 1, FrequencyPenalty: 0.5, PenaltyWindow: -1}, []float32{-1, -6, -1, 0}},
		"bias comes first": {sample.Options{RepeatPenalty: 2, Bias: map[int32]float32{1: 4}}, []float32{1.5, 1, 0.5, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for pieces, accept := range map[string]func(*sample.Sampler){
				"at once": func(s *sample.Sampler) { s.Accept(history...) },
				"singly": func(s *sample.Sampler) {
					for _, id := range history {
						s.Accept(id)
					}
				},
			} {
				s := newSampler(t, c.o)
				accept(s)
				for i, want := range c.want {
					lo, hi := probe(t, s, logits, i)
					assert.InDelta(t, want, lo, 1e-4, "token %d, accepted %s", i, pieces)
					assert.InDelta(t, want, hi, 1e-4, "token %d, accepted %s", i, pieces)
				}
			}
		})
	}
}

func TestPenaltyWindowDefaultsTo64(t *testing.T) {
	s := newSampler(t, sample.Options{PresencePenalty: 5})
	s.Accept(0)
	s.Accept(slices.Repeat([]int32{1}, 63)...)
	assert.EqualValues(t, 2, next(t, s, 3, 2, 1))
	s.Accept(1)
	assert.EqualValues(t, 0, next(t, s, 3, 2, 1), "the 65th token back is forgotten")
}

func TestBias(t *testing.T) {
	bias := map[int32]float32{0: -inf, 2: 1.5}
	s := newSampler(t, sample.Options{Bias: bias})
	bias[2] = -9 // New has copied it
	assert.EqualValues(t, 2, next(t, s, 9, 1, 0))
	_, err := s.Next([]float32{1, 2})
	assert.ErrorContains(t, err, "Bias names token 2, but there are 2 logits")

	forced := sample.Options{Temperature: 1, Bias: map[int32]float32{1: inf}}
	assert.Equal(t, []int32{1}, survivors(t, forced, 5, -90, 5))
	forced.Mask = func(l []float32) { l[1] = -inf }
	assert.Equal(t, []int32{0, 2}, survivors(t, forced, 5, 5, 5), "a bias does not lift the mask")
}

func TestMaskSeesACopyOfTheLogits(t *testing.T) {
	logits := []float32{1, 2, 3}
	var saw []float32
	s := newSampler(t, sample.Options{
		Bias: map[int32]float32{0: 50},
		Mask: func(l []float32) {
			saw = slices.Clone(l)
			l[0], l[2] = -inf, nan
		},
	})
	assert.EqualValues(t, 1, next(t, s, logits...))
	assert.Equal(t, logits, saw)
	assert.Equal(t, []float32{1, 2, 3}, logits)

	s = newSampler(t, sample.Options{Temperature: 1, Mask: func(l []float32) {
		for i := range l {
			l[i] = -inf
		}
	}})
	_, err := s.Next(logits)
	assert.ErrorIs(t, err, sample.ErrNoToken)
}

// everything turns on every option.
func everything(seed uint64) sample.Options {
	return sample.Options{
		Temperature: 0.8, TopK: 200, TopP: 0.95, MinP: 0.02,
		RepeatPenalty: 1.1, PresencePenalty: 0.2, FrequencyPenalty: 0.1, PenaltyWindow: 32,
		Bias: map[int32]float32{3: 1, 5: -1, 8: 0.5},
		Mask: func(l []float32) { l[4] = -inf },
		Seed: seed,
	}
}

// generate returns n tokens; each step's logits depend on the token before.
func generate(t testing.TB, s *sample.Sampler, from int32, n int) []int32 {
	tokens := make([]int32, 0, n)
	logits := make([]float32, 500)
	for range n {
		r := rand.NewPCG(uint64(from), 99)
		for i := range logits {
			logits[i] = float32(r.Uint64()>>44)/(1<<17) - 4 // exact in float32, so the same everywhere
		}
		from = next(t, s, logits...)
		s.Accept(from)
		tokens = append(tokens, from)
	}
	return tokens
}

// The tokens are part of the package's promise: a platform or a change that gives others is at fault.
func TestStreamIsFixed(t *testing.T) {
	plain, all := newSampler(t, sample.Options{Temperature: 1, Seed: 42}), newSampler(t, everything(42))
	assert.Equal(t, []int32{129, 257, 60, 115, 371, 94, 51, 394, 19, 148, 431, 232, 303, 53, 444, 446}, generate(t, plain, 0, 16))
	assert.Equal(t, []int32{128, 246, 53, 111, 372, 104, 60, 395, 21, 160, 449, 191, 289, 67, 462, 460}, generate(t, all, 0, 16))
}

func TestSameSeedSameTokensOnManyThreads(t *testing.T) {
	shared, other := newSampler(t, everything(7)), newSampler(t, everything(8))
	assert.NotEqual(t, generate(t, shared, 0, 40), generate(t, other, 0, 40))
	want := generate(t, shared.Clone(), 0, 40)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	got := make([][]int32, 8)
	var wg sync.WaitGroup
	for i := range got {
		clone := shared.Clone()
		wg.Go(func() { got[i] = generate(t, clone, 0, 40) })
	}
	wg.Wait()
	for i := range got {
		assert.Equal(t, want, got[i])
	}
}

func TestStreamTakesOneFloatPerSampledToken(t *testing.T) {
	allowed := 1000
	s := newSampler(t, sample.Options{Temperature: 1, Seed: 5, Mask: func(l []float32) {
		for i := allowed; i < len(l); i++ {
			l[i] = -inf
		}
	}})
	stream := rand.New(rand.NewPCG(5, 0))
	logits := make([]float32, 1000)
	for range 50 {
		assert.Equal(t, int32(stream.Float64()*1000), next(t, s, logits...))
		allowed = 1
		assert.EqualValues(t, 0, next(t, s, logits...))
		stream.Float64()
		allowed = 0
		_, err := s.Next(logits)
		require.ErrorIs(t, err, sample.ErrNoToken)
		allowed = 1000
	}
}

func TestFilterThatRemovesNothingChangesNothing(t *testing.T) {
	want := generate(t, newSampler(t, sample.Options{Temperature: 1, Seed: 3}), 0, 50)
	for _, o := range []sample.Options{{TopK: 500}, {TopK: 5000}, {TopP: 1}, {MinP: 1e-30}, {RepeatPenalty: 1}} {
		o.Temperature, o.Seed = 1, 3
		assert.Equal(t, want, generate(t, newSampler(t, o), 0, 50), "%+v", o)
	}
}

func TestCloneIsIndependent(t *testing.T) {
	for _, window := range []int{5, -1} {
		o := everything(1)
		o.PenaltyWindow = window
		a := newSampler(t, o)
		generate(t, a, 0, 12)
		b, c := a.Clone(), a.Clone()
		want := generate(t, a, 1, 30)
		assert.Equal(t, want, generate(t, b, 1, 30))
		assert.Equal(t, want, generate(t, c, 1, 30), "running the others did not move it")
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, shape := range []string{"flat", "peaked", "odd"} {
		logits := someLogits(r, 4000, shape)
		for name, o := range map[string]sample.Options{
			"greedy":      {},
			"temperature": {Temperature: 1},
			"top-k":       {Temperature: 1, TopK: 40},
			"top-p":       {Temperature: 1, TopP: 0.9},
			"everything":  everything(1),
		} {
			s := newSampler(t, o)
			var token int32
			step := func() {
				id, err := s.Next(logits)
				if err != nil {
					t.Fatal(err)
				}
				s.Accept(id, token) // a second, ever-changing token turns the window over
				token = (token + 17) % 4000
			}
			for range 70 {
				step()
			}
			assert.Zero(t, testing.AllocsPerRun(200, step), "%s, %s", name, shape)
		}
	}
}
