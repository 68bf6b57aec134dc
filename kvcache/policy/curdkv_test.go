package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCurDKVLeverage(t *testing.T) {
	keep := func(p CurDKV) []int32 {
		k := []float32{0, 0, 2, 0, 1, 1, 0, 0, 0, 0, 9, 0, 9, 9, 0, 0}
		l := newLayer(t, 1, 1, 2, p)
		l.step(true, k, k, k)
		return l.kept()[0]
	}
	require.Equal(t, []int32{1, 6}, keep(CurDKV{Budget: 2, Sink: -1, Local: 4}))
	require.Equal(t, []int32{5, 6}, keep(CurDKV{Budget: 2, Sink: -1, Local: -1}), "lengths of all rows compared")
	require.Equal(t, []int32{0, 1, 6}, keep(CurDKV{Budget: 3, Sink: 1, Local: 4}))
	zero := make([]float32, 16)
	l := newLayer(t, 1, 1, 2, CurDKV{Budget: 5})
	l.step(true, zero, zero, zero)
	require.Equal(t, [][]int32{{0, 1, 2, 3, 4}}, l.kept())
}
