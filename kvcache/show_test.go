package kvcache

import (
	"math/rand/v2"
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

// What is shown whole is listed once, and is after any change what a head that
// was never listed would show.
func TestListIsNeverStale(t *testing.T) {
	shape := Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: 4}
	c, err := New(shape, Config{})
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	next := int32(0)
	hd := &c.layers[0].Heads[0]
	for range 300 {
		n := 1 + r.IntN(3)*r.IntN(90)
		step := Step{Pos: make([]int32, n)}
		x := make([]float32, 4*n)
		for j := range step.Pos {
			step.Pos[j], next = next, next+1
			x[4*j] = r.Float32()
		}
		c.Begin(step)
		view := c.Update(0, 0, x, x, x)
		fresh := hd.Clone()
		require.Nil(t, fresh.listed)
		want := fresh.list()
		require.Equal(t, want, view.Heads[0][:len(want)])
		c.Done(0)
		switch r.IntN(5) {
		case 0:
			hd.Drop(0, r.IntN(hd.Len()))
		case 1:
			var keep []int32
			for j := range hd.Len() {
				if r.IntN(3) > 0 {
					keep = append(keep, int32(j))
				}
			}
			hd.Keep(keep)
		case 2:
			hd.Replace([]int32{int32(r.IntN(hd.Len()))}, x[:4], x[:4])
		}
	}
}
