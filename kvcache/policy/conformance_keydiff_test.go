package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/kvcache/policy/policytest"
)

func TestKeyDiffConformance(t *testing.T) {
	const ample = policytest.Tokens
	for _, c := range []policytest.Case{
		{
			Name:  "keydiff",
			Ample: policy.KeyDiff{Budget: ample},
			Tight: policy.KeyDiff{Budget: 70}, Rows: 70, Grow: true,
		},
		{
			Name:  "keydiff-protected",
			Ample: policy.KeyDiff{Budget: ample, Sink: 4, Recent: 16},
			Tight: policy.KeyDiff{Budget: 64, Sink: 4, Recent: 16}, Rows: 64, Grow: true,
		},
	} {
		policytest.Run(t, c)
	}
}

func TestKeyDiffCheck(t *testing.T) {
	for _, c := range []struct {
		p    policy.KeyDiff
		want string
	}{
		{policy.KeyDiff{Budget: -1}, "Budget"},
		{policy.KeyDiff{Budget: 8, Sink: -1}, "Sink"},
		{policy.KeyDiff{Budget: 8, Recent: -1}, "Recent"},
		{policy.KeyDiff{Budget: 8, Sink: 5, Recent: 4}, "at most the budget of 8"},
	} {
		require.ErrorContains(t, c.p.Check(kvcache.Shape{}, kvcache.Config{}), c.want)
	}
	require.NoError(t, policy.KeyDiff{}.Check(kvcache.Shape{}, kvcache.Config{}))
}
