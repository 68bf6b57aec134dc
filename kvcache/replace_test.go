package kvcache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// Replaced rows are the new ones, in blocks as their format holds them; other
// rows and forks keep what they had.
func TestReplace(t *testing.T) {
	for _, f := range []quant.Format{quant.F32, quant.F16, quant.Int8} {
		c, err := New(Shape{1, 1, 1, 4}, Config{K: f, V: f})
		require.NoError(t, err)
		const n = 2*BlockRows + 10
		x, pos := make([]float32, 4*n), make([]int32, n)
		for j := range pos {
			pos[j] = int32(j)
			x[4*j], x[4*j+3] = float32(j), -1
		}
		c.Begin(Step{Pos: pos, Prompt: true})
		c.Update(0, 0, x, x, x)
		c.Done(0)
		hd := &c.Layer(0).Heads[0]
		hd.Drop(3, 60)
		read := func(hd *Head) ([]float32, []float32) {
			k, v := make([]float32, 4*hd.Len()), make([]float32, 4*hd.Len())
			hd.Rows(k, v, 0, hd.Len())
			return k, v
		}
		wantK, wantV := read(hd)
		fork := c.Fork()
		bytes := c.Layer(0).count()

		slots := []int32{2, 4, 7, 70, int32(hd.Len() - 1)}
		k, v := make([]float32, 4*len(slots)), make([]float32, 4*len(slots))
		for i := range k {
			k[i], v[i] = float32(i), float32(-i)
		}
		hd.Replace(slots, k, v)
		require.Equal(t, bytes, c.Layer(0).count())
		gotK, gotV := read(hd)
		for j := range hd.Len() {
			i := 0
			for i < len(slots) && int(slots[i]) != j {
				i++
			}
			if i == len(slots) {
				require.Equal(t, wantK[4*j:4*j+4], gotK[4*j:4*j+4], "%s: slot %d", f.Name(), j)
				require.Equal(t, wantV[4*j:4*j+4], gotV[4*j:4*j+4], "%s: slot %d", f.Name(), j)
				continue
			}
			require.InDeltaSlice(t, k[4*i:4*i+4], gotK[4*j:4*j+4], 0.1, "%s: slot %d", f.Name(), j)
			require.InDeltaSlice(t, v[4*i:4*i+4], gotV[4*j:4*j+4], 0.1, "%s: slot %d", f.Name(), j)
		}
		forkK, forkV := read(&fork.Layer(0).Heads[0])
		require.Equal(t, wantK, forkK)
		require.Equal(t, wantV, forkV)

		require.Panics(t, func() { hd.Replace([]int32{1, 1}, make([]float32, 8), make([]float32, 8)) })
		require.Panics(t, func() { hd.Replace([]int32{int32(hd.Len())}, k[:4], v[:4]) })
		require.Panics(t, func() { hd.Replace([]int32{1}, k, v) })
	}
}
