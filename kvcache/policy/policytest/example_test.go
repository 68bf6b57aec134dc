package policytest_test

import (
	"testing"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy/policytest"
)

// Newest keeps the last Budget rows of each head when a prompt ends.
type Newest struct{ Budget int }

func (Newest) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan { return kvcache.Plan{} }

func (p Newest) Keep(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) {
	if !s.Prompt || s.Rest > 0 {
		return
	}
	for h := range l.Heads {
		hd := &l.Heads[h]
		hd.Drop(0, max(0, hd.Len()-p.Budget))
	}
}

// A policy of one's own is checked by a test like this one: in a package's tests,
// the function would be TestNewest.
func ExampleRun() {
	test := func(t *testing.T) {
		policytest.Run(t, policytest.Case{
			Name:  "newest",
			Ample: Newest{Budget: policytest.Tokens},
			Tight: Newest{Budget: 70}, Rows: 70, Grow: true,
		})
	}
	_ = test
}
