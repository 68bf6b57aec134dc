package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A partition's rows are ranked as the next one sees them.
func TestLagKVRanks(t *testing.T) {
	// Channel 0 of the next partition ranges from 0 to 2; channel 1 does not
	// vary and so counts for nothing, however large it is in row 1.
	k := []float32{9, 9, 2, 0, 0, 50, 6, 0, 1, 0, 0, 0, 2, 0, 1, 0}
	l := newLayer(t, 1, 1, 2, LagKV{Budget: 6, Sink: 1, Lag: 3})
	l.step(true, k, k, k)
	require.Equal(t, [][]int32{{0, 3, 4, 5, 6, 7}}, l.kept())

	score := []float32{2, 5, 2, 7, 2}
	rank(score)
	require.Equal(t, []float32{0.4, 0.6, 0.2, 0.8, 0}, score)
	require.Equal(t, LagKV{Budget: 1024, Sink: 4, Lag: 128}, LagKV{}.filled())
	require.Equal(t, LagKV{Budget: 61, Lag: 15}, LagKV{Budget: 61, Sink: -1}.filled())
}
