package policytest_test

import (
	"testing"

	"github.com/winnowlm/winnow/kvcache/policy/policytest"
)

func TestPolicyOfAnotherPackage(t *testing.T) {
	policytest.Run(t, policytest.Case{
		Name:  "newest",
		Ample: Newest{Budget: policytest.Tokens},
		Tight: Newest{Budget: 70}, Rows: 70, Grow: true,
	})
}
