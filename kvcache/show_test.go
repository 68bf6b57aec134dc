package kvcache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// fixed is a policy that shows what the test says.
type fixed struct{ plan Plan }

func (p fixed) Show(*Layer, Step) Plan { return p.plan }

func (fixed) Keep(*Layer, Step, *attention.Scores) {}

// A plan's pick shows the chosen rows alone, and its lead shifts the first.
func TestPlan(t *testing.T) {
	shape := Shape{NumLayers: 1, NumHeads: 2, NumKVHeads: 2, HeadDim: 4}
	c, err := New(shape, Config{K: quant.F32, V: quant.F32, Policy: fixed{Plan{
		Pick: [][]int32{{0, 1, 70, 130}, {64}}, Lead: 1, Shift: 5,
	}}})
	require.NoError(t, err)
	const n = 140
	var pos []int32
	x := make([]float32, n*8)
	for j := range n {
		pos = append(pos, int32(j))
	}
	c.Begin(Step{Pos: pos, Prompt: true})
	v := c.Update(0, 0, x, x, x)
	type seen struct{ pos, shift, at int32 }
	var got []seen
	for _, s := range v.Heads[0] {
		for j, p := range s.Pos {
			got = append(got, seen{p, s.Shift, s.At + int32(j)})
		}
	}
	require.Equal(t, []seen{{0, 5, 0}, {1, 0, 1}, {70, 0, 2}, {130, 0, 3}}, got)
	require.Len(t, v.Heads[1], 1)
	require.Equal(t, []int32{64}, v.Heads[1][0].Pos)
	require.Equal(t, []int32{0}, v.Heads[1][0].Pick)
	c.Done(0)
}
