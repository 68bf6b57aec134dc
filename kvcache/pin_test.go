package kvcache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
)

// rude drops all that it sees but for the last row, and shows the first and
// the last of it.
type rude struct{ saw *[]int32 }

func (p rude) Show(l *Layer, _ Step) Plan {
	pick := l.Slots(2)
	pick[0], pick[1] = 0, int32(l.Heads[0].Len()-1)
	return Plan{Pick: [][]int32{pick}, Watch: All}
}

func (p rude) Keep(l *Layer, _ Step, seen *attention.Scores) {
	hd := &l.Heads[0]
	*p.saw = append((*p.saw)[:0], hd.Pos()...)
	for j := range hd.Score() {
		hd.Score()[j] = float32(hd.Pos()[j])
	}
	if len(seen.Mass[0]) != 2 {
		panic("want the attention to the two rows that were picked")
	}
	k, v := make([]float32, 2), make([]float32, 2)
	hd.Rows(k, v, 0, 1)
	if k[0] != float32(hd.Pos()[0]) || hd.Kind(0) != uint8(hd.Pos()[0]) {
		panic("want the row of slot 0")
	}
	if hd.Len() == 5 {
		hd.Keep([]int32{1, 3})
	} else {
		hd.Drop(0, hd.Len()-1)
	}
}

// The policy neither sees nor drops pinned rows; they are shown all the same.
func TestPin(t *testing.T) {
	var saw []int32
	c, err := New(Shape{1, 1, 1, 2}, Config{Policy: rude{&saw}, Pin: 3})
	require.NoError(t, err)
	feed := func(pos ...int32) (shown []int32) {
		kind, x := make([]uint8, len(pos)), make([]float32, 2*len(pos))
		for j := range pos {
			kind[j], x[2*j] = uint8(pos[j]), float32(pos[j])
		}
		c.Begin(Step{Pos: pos, Kind: kind})
		view := c.Update(0, 0, make([]float32, 2*len(pos)), x, x)
		for _, s := range view.Heads[0] {
			shown = append(shown, s.Pos...)
		}
		c.Done(0)
		return shown
	}
	hd := &c.Layer(0).Heads[0]
	require.Equal(t, []int32{0, 1, 2, 3, 7}, feed(0, 1, 2, 3, 4, 5, 6, 7))
	require.Equal(t, []int32{3, 4, 5, 6, 7}, saw)
	require.Equal(t, []int32{0, 1, 2, 4, 6}, hd.Pos())
	require.Equal(t, []float32{0, 0, 0, 4, 6}, hd.Score())
	require.Equal(t, []int32{0, 1, 2, 4, 8}, feed(8))
	require.Equal(t, []int32{4, 6, 8}, saw)
	require.Equal(t, []int32{0, 1, 2, 8}, hd.Pos())
	require.Equal(t, []float32{0, 0, 0, 8}, hd.Score())

	_, err = New(Shape{1, 1, 1, 2}, Config{Pin: -1})
	require.ErrorContains(t, err, "Pin -1")
}
