package kvcache

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// picker shows some slots.
type picker struct{ slots []int32 }

func (p *picker) Show(*Layer, Step) Plan { return Plan{Pick: [][]int32{p.slots}} }

func (*picker) Keep(*Layer, Step, *attention.Scores) {}

// Gathered rows are shown in place of those that they are copies of, whatever
// has been dropped since.
func TestGather(t *testing.T) {
	const dim = 64
	shape := Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: dim}
	for _, f := range []quant.Format{quant.F32, quant.F16, quant.Int8, quant.Int4Channel} {
		rng := rand.New(rand.NewPCG(1, 2))
		p := &picker{}
		c, err := New(shape, Config{K: f, V: f, Policy: p, Pin: []Range{{From: 30, To: 35}}})
		require.NoError(t, err)
		at := int32(0)
		step := func(c *Cache, n int) []attention.Span {
			s := Step{Prompt: n > 1}
			x, rng := make([]float32, 2*n*dim), rand.New(rand.NewPCG(3, uint64(at)))
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			for range n {
				s.Pos = append(s.Pos, at)
				at++
			}
			c.Begin(s)
			defer c.Done(0)
			return slices.Clone(c.Update(0, 0, x[:n*dim], x[:n*dim], x[n*dim:]).Heads[0])
		}
		p.slots = []int32{}
		step(c, 300)
		hd := &c.Layer(0).Heads[0]
		c.hide(c.Layer(0))
		var slots []int32 // not of pinned rows
		for j := range int32(295) {
			if rng.IntN(3) == 0 {
				slots = append(slots, j)
			}
		}
		hd.Gather(slots)
		c.Layer(0).show()
		bytes := c.Bytes()

		// compare shows rows both ways.
		compare := func(c *Cache) {
			hd := &c.Layer(0).Heads[0]
			p.slots = nil
			for j := range int32(hd.Len() - c.cfg.Pinned()) {
				if rng.IntN(4) > 0 {
					p.slots = append(p.slots, j)
				}
			}
			p.slots = append(p.slots, int32(hd.Len()-c.cfg.Pinned()))
			bare, from := c.Fork(), at
			bare.Layer(0).Heads[0].gathered = nil
			want := decoded(step(bare, 1))
			at = from
			spans := step(c, 1)
			require.Equal(t, want, decoded(spans), f.Name())
			if !hd.shareScales() {
				require.Equal(t, &hd.gathered.k[0], &spans[0].K.Data[0], "the copy is read")
			}
			for i := 1; i < len(spans); i++ {
				require.Equal(t, int(spans[i-1].At)+len(spans[i-1].Pos), int(spans[i].At))
			}
		}
		compare(c)
		if hd.shareScales() {
			require.Nil(t, hd.gathered)
			continue
		}
		require.Greater(t, c.Bytes()-bytes, int64(80*(f.Size(2, dim)+8)), "it is counted")
		fork := c.Fork()
		for range 3 {
			hd.Drop(100, 103)
			compare(c)
		}
		keep := make([]int32, 0, hd.Len())
		for j := range int32(hd.Len()) {
			if j%3 > 0 || j < 60 {
				keep = append(keep, j)
			}
		}
		hd.Keep(keep)
		compare(c)
		compare(fork)
		hd.Gather([]int32{5, 6, 7})
		compare(c)
		compare(fork)
		c.Truncate(at - 1)
		require.Nil(t, hd.gathered)
	}
}

// decoded returns the keys and values of a view by position.
func decoded(spans []attention.Span) map[int32][2][]float32 {
	rows := make(map[int32][2][]float32)
	for _, s := range spans {
		for i, pos := range s.Pos {
			j := i
			if s.Pick != nil {
				j = int(s.Pick[i])
			}
			k, v := make([]float32, s.K.Cols), make([]float32, s.V.Cols)
			s.K.Decode(k, j, j+1)
			s.V.Decode(v, j, j+1)
			rows[pos] = [2][]float32{k, v}
		}
	}
	return rows
}
