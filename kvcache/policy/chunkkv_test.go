package policy

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// lots gives rows the scores that it holds.
type lots struct {
	Random
	score [][]float32
	keep  []int
}

func (p lots) Rank(*kvcache.Layer, kvcache.Step, *attention.Scores) ([][]float32, []int) {
	return p.score, p.keep
}

func TestChunkKVLevels(t *testing.T) {
	inf := float32(math.Inf(1))
	rank := func(p ChunkKV) [][]float32 {
		p.Scorer = lots{score: [][]float32{{inf, 1, 3, 5, 7}, {2, 3, 1, 1, 2}}, keep: []int{3, 3}}
		score, keep := p.Rank(newLayer(t, 2, 2, 2, nil).c.Layer(0), kvcache.Step{}, nil)
		require.Equal(t, []int{3, 3}, keep)
		return score
	}
	require.Equal(t, [][]float32{{inf, 2, 2.5, 2.5, 4.5}, {2, 2, 2.5, 2.5, 4.5}}, rank(ChunkKV{Length: 2}))
	require.Equal(t, [][]float32{{inf, 1, 4, 4, 7}, {2.5, 2.5, 1, 1, 2}}, rank(ChunkKV{Length: 2, PerHead: true}))
	require.Equal(t, [][]float32{{inf, 25. / 9, 25. / 9, 25. / 9, 25. / 9}, {25. / 9, 25. / 9, 25. / 9, 25. / 9, 25. / 9}}, rank(ChunkKV{Length: 9}))
}
