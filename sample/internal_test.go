package sample

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpAgreesWithMath(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200_000 {
		x := -math.Exp(20*r.Float64() - 13.5) // from −1e-6 to −665
		require.InEpsilon(t, math.Exp(x), exp(x), 4e-16, "exp(%v)", x)
	}
	assert.Equal(t, 1.0, exp(0))
	assert.InEpsilon(t, math.Exp(-708), exp(-708), 4e-16)
	assert.Zero(t, exp(-708.0001))
	assert.Zero(t, exp(math.Inf(-1)))
}

func TestRankOrdersByLogitThenID(t *testing.T) {
	inf := float32(math.Inf(1))
	tokens := []struct {
		logit float32
		id    int32
	}{
		{inf, 0}, {math.MaxFloat32, 9}, {2, 3}, {2, math.MaxInt32}, {math.SmallestNonzeroFloat32, 1}, {0, 0},
		{float32(math.Copysign(0, -1)), 1}, {0, 2}, {-math.SmallestNonzeroFloat32, 0}, {-1, 0}, {-math.MaxFloat32, 5},
	}
	for i, a := range tokens {
		r := rankOf(a.logit, a.id)
		assert.Equal(t, a.id, r.id())
		assert.True(t, a.logit == r.logit(), "%v came back as %v", a.logit, r.logit())
		for _, b := range tokens[i+1:] {
			assert.Greater(t, r, rankOf(b.logit, b.id), "%v before %v", a, b)
		}
	}
}

func TestPickPassesOverWeightlessTokens(t *testing.T) {
	c := []candidate{{id: 3}, {id: 5, weight: 0.1}, {id: 6}, {id: 8, weight: 0.7}, {id: 9}}
	assert.EqualValues(t, 5, pick(c, 0))
	assert.EqualValues(t, 5, pick(c, 0.124))
	assert.EqualValues(t, 8, pick(c, 0.126))
	assert.EqualValues(t, 8, pick(c, math.Nextafter(1, 0)))
}
