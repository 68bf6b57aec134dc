package attention

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Ranges follow each other without gaps, are no shorter than 256 rows, nor a
// sixteenth of those before them, and no longer than an eighth of them if that
// is more.
func TestRanges(t *testing.T) {
	require.Zero(t, Ranges(0))
	require.Zero(t, RangeStart(0))
	for r := range 80 {
		at, n := RangeStart(r), RangeStart(r+1)-RangeStart(r)
		require.GreaterOrEqual(t, n, max(256, at/16))
		require.LessOrEqual(t, n, max(256, at/8))
		require.Equal(t, r, rangeOf(at))
		require.Equal(t, r, rangeOf(at+n-1))
		require.Equal(t, r+1, Ranges(at+n))
	}
}
