package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

// facts are needles in the words of the retriever, which finds them for certain
// as long as the cache holds them.
func facts() Needle {
	words := testmodel.Words()
	names, fillers := words[len(words)-256:], words[3:len(words)-256]
	name := func(r *rand.Rand) string { return names[r.IntN(len(names))] }
	return Needle{
		Hay:     Pieces("", func(r *rand.Rand) string { return " " + fillers[r.IntN(len(fillers))] }),
		Key:     Kind{"name", name},
		Value:   Kind{"name", func(r *rand.Rand) string { return name(r) + " " + name(r) + " " + name(r) }},
		Wording: Wording{Fact: " the code of {key} is {value} .", Question: "", Cue: " the code of {key} is"},

		MaxTokens: 3,
	}
}

func keeping(p kvcache.Policy) func(int) kvcache.Config {
	return func(int) kvcache.Config { return kvcache.Config{Policy: p} }
}

func collect(t *testing.T, setup Setup, samples []Sample, p Position) []Result {
	var all []Result
	for r, err := range Run(t.Context(), setup, samples, p) {
		require.NoError(t, err)
		all = append(all, r)
	}
	return all
}

func TestRun(t *testing.T) {
	m := retriever(t)
	for _, c := range []struct {
		p      Position
		policy kvcache.Policy
		finds  bool
	}{
		{After, nil, true},
		{Around, nil, true},
		{Later, nil, true},
		{After, policy.SnapKV{Budget: 64, Observe: 16, Kernel: 7}, true},
		{Later, policy.SnapKV{Budget: 64, Observe: 16, Kernel: 7}, false},
		{After, policy.Window{Sink: 4, Recent: 60}, false},
	} {
		samples, err := Fit{Tokens: 400, N: 4, Position: c.p}.Samples(m.Tokenizer(), facts())
		require.NoError(t, err)
		results := collect(t, Setup{Model: m, Cache: keeping(c.policy)}, samples, c.p)
		require.Len(t, results, 4)
		for i, r := range results {
			require.Equal(t, samples[i], r.Sample)
			require.Equal(t, r.Sample.Score(r.Text), r.Score)
			require.Equal(t, c.finds, r.Score == 1, "%v %v: %q", c.p, c.policy, r.Text)
			require.LessOrEqual(t, r.Prompt, 397)
			require.Greater(t, r.Prompt, 390)
			require.Positive(t, r.PromptTime)
			require.LessOrEqual(t, r.Bytes, r.Peak)
			if c.policy == nil {
				require.Equal(t, r.Prompt, r.Rows)
			} else {
				require.Equal(t, 64, r.Rows)
			}
		}
		require.Equal(t, c.finds, Summarize(results).Score == 1)
	}
}

// Questions about one text, asked later, share its reading.
func TestRunShares(t *testing.T) {
	m := retriever(t)
	task := facts()
	task.Keys = 3
	samples, err := Fit{Tokens: 400, N: 2, Position: Later}.Samples(m.Tokenizer(), task)
	require.NoError(t, err)
	again := samples[0]
	again.Cue = " the code of nobody is"
	opened := 0
	setup := Setup{Model: m, Cache: func(int) kvcache.Config { opened++; return kvcache.Config{} }}
	results := collect(t, setup, []Sample{samples[0], samples[0], again, samples[1]}, Later)
	require.Equal(t, []float64{1, 1, 0, 1}, []float64{results[0].Score, results[1].Score, results[2].Score, results[3].Score})
	require.Equal(t, results[0].Text, results[1].Text)
	require.Equal(t, 2, opened)
}

func TestRunErrors(t *testing.T) {
	m := retriever(t)
	file, err := testmodel.Retriever(quant.F16)
	require.NoError(t, err)
	small := load(t, file, winnow.Options{Context: 300})
	samples, err := Fit{Tokens: 400}.Samples(m.Tokenizer(), facts())
	require.NoError(t, err)
	fails := func(ctx context.Context, setup Setup) error {
		var last error
		for r, err := range Run(ctx, setup, samples, After) {
			require.Zero(t, r.Score)
			last = err
		}
		return last
	}
	require.ErrorIs(t, fails(t.Context(), Setup{Model: small}), winnow.ErrContextFull)
	require.ErrorContains(t, fails(t.Context(), Setup{Model: m, Cache: keeping(policy.SnapKV{Budget: 4, Observe: 8})}), "Observe 8")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, fails(ctx, Setup{Model: m}), context.Canceled)
}

func TestAB(t *testing.T) {
	m := retriever(t)
	samples, err := Fit{Tokens: 300, N: 6}.Samples(m.Tokenizer(), facts())
	require.NoError(t, err)
	full, window := Setup{Model: m}, Setup{Model: m, Cache: keeping(policy.Window{Sink: 4, Recent: 60})}
	var a, b []Result
	for pair, err := range AB(t.Context(), full, window, samples, After) {
		require.NoError(t, err)
		a, b = append(a, pair[0]), append(b, pair[1])
	}
	p, err := Pair(a, b)
	require.NoError(t, err)
	require.Equal(t, 1.0, p.A.Score)
	require.Less(t, p.B.Score, 0.5)
	require.InDelta(t, p.B.Score-1, p.Delta.Mean, 1e-12)
	require.Zero(t, p.Better)
	require.GreaterOrEqual(t, p.Worse, 4)
	require.InDelta(t, signTest(0, p.Worse), p.P, 0)
	_, err = Pair(a, b[:5])
	require.ErrorContains(t, err, "6 and 5 results")
	b[2], b[3] = b[3], b[2]
	_, err = Pair(a, b)
	require.ErrorContains(t, err, "results 2 are of different samples")
}

func TestGrid(t *testing.T) {
	m := retriever(t)
	setup := Setup{Model: m, Cache: keeping(policy.Window{Sink: 30, Recent: 40})}
	var got []string
	for c, err := range Grid(t.Context(), setup, GridOptions{Lengths: []int{60, 300}, Depths: []float64{0, 0.5, 1}, N: 2, Task: facts()}) {
		require.NoError(t, err)
		require.Equal(t, 2, c.N)
		got = append(got, fmt.Sprint(c.Length, c.Depth, c.Score == 1))
	}
	require.Equal(t, "60 0 true, 60 0.5 true, 60 1 true, 300 0 true, 300 0.5 false, 300 1 true", strings.Join(got, ", "))
	for _, err := range Grid(t.Context(), setup, GridOptions{Lengths: []int{60}, Depths: []float64{2}, Task: facts()}) {
		require.ErrorContains(t, err, "depth of 2")
	}
}

func TestIntervals(t *testing.T) {
	m := binomial(0.8, 10) // Wilson's interval for 8 of 10, as tables have it
	require.InDelta(t, 0.4902, m.Low, 1e-4)
	require.InDelta(t, 0.9433, m.High, 1e-4)
	m = binomial(1, 20)
	require.InDelta(t, 0.8389, m.Low, 1e-4)
	require.Equal(t, 1.0, m.High)
	require.Zero(t, binomial(0, 5).Low)
	require.InDelta(t, 2*(1+8)/256.0, signTest(1, 7), 1e-12)
	require.Equal(t, 1.0, signTest(4, 4))
	require.Equal(t, 1.0, signTest(0, 0))
	d := delta([]float64{1, 2, 3, 4})
	require.Equal(t, 2.5, d.Mean)
	require.InDelta(t, 1.959964*1.2909944/2, d.High-d.Mean, 1e-6)
}
