package eval

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
)

// What several budgets read together, each answers as if it had read it alone.
func TestBudgets(t *testing.T) {
	m := retriever(t)
	for name, with := range map[string]func(budget int) kvcache.Policy{
		"SnapKV":            func(n int) kvcache.Policy { return policy.SnapKV{Budget: n, Kernel: 7} },
		"H2O":               func(n int) kvcache.Policy { return policy.H2O{Heavy: n / 2, Recent: n / 2} },
		"ExpectedAttention": func(n int) kvcache.Policy { return policy.ExpectedAttention{Budget: n} },
		"KVzip":             func(n int) kvcache.Policy { return policy.KVzip{Budget: n, Chunk: 150} },
		"Recycled":          func(n int) kvcache.Policy { return policy.Recycled{TopK: n, Stride: 2} },
		"Window":            func(n int) kvcache.Policy { return policy.Window{Recent: n, Renumber: true} },
	} {
		for _, p := range []Position{After, Later} {
			samples, err := Fit{Tokens: 300, Position: p, N: 2}.Samples(m.Tokenizer(), facts())
			require.NoError(t, err)
			setups := []Setup{{m, keeping(with(20))}, {m, keeping(with(40))}, {m, keeping(with(100))}}
			var got [3][]Result
			for results, err := range Budgets(t.Context(), setups, samples, p) {
				require.NoError(t, err)
				require.Len(t, results, len(setups))
				for i, r := range results {
					require.Zero(t, r.Peak)
					require.Positive(t, r.PromptTime)
					r.PromptTime, r.DecodeTime = 0, 0
					got[i] = append(got[i], r)
				}
			}
			for i, setup := range setups {
				want := collect(t, setup, samples, p)
				for j := range want {
					want[j].PromptTime, want[j].DecodeTime, want[j].Peak = 0, 0, 0
				}
				require.Equal(t, want, got[i], "%s, %v, setup %d", name, p, i)
			}
		}
	}
	for _, err := range Budgets(t.Context(), []Setup{{m, keeping(policy.SnapKV{})}, {m, keeping(policy.SnapKV{Budget: -1})}}, []Sample{{Text: " a", MaxTokens: 1}}, After) {
		require.ErrorContains(t, err, "Budget -1")
	}
}
