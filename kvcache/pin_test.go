package kvcache

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
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
	c, err := New(Shape{1, 1, 1, 2}, Config{Policy: rude{&saw}, Pin: []Range{{0, 3}}})
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

	for _, pin := range []Range{{-1, 2}, {3, 3}, {4, 3}} {
		_, err = New(Shape{1, 1, 1, 2}, Config{Pin: []Range{pin}})
		require.ErrorContains(t, err, "got Pin from")
	}
}

// A head with hidden rows is to a policy as one without them: what it reads is
// theirs alone, and what it does leaves the hidden ones as they are.
func TestPinHidden(t *testing.T) {
	type row struct {
		pos   int32
		kind  uint8
		score float32
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		n := 1 + rng.IntN(3*BlockRows)
		var pins []Range
		for range 1 + rng.IntN(3) {
			from := rng.Int32N(int32(n + 9))
			pins = append(pins, Range{from, from + 1 + rng.Int32N(20)})
		}
		c, err := New(Shape{1, 1, 1, 4}, Config{K: quant.F32, V: quant.F32, Pin: pins})
		require.NoError(t, err)
		s, x := Step{Kind: make([]uint8, n)}, make([]float32, 4*n)
		for j := range n {
			s.Pos, s.Kind[j], x[4*j] = append(s.Pos, int32(j)), uint8(rng.IntN(5)), float32(j)
		}
		c.Begin(s)
		c.Update(0, 0, x, x, x)
		c.Done(0)
		var own, others []row
		for j := range n {
			r := row{int32(j), s.Kind[j], 0}
			if slices.ContainsFunc(pins, func(p Range) bool { return p.From <= r.pos && r.pos < p.To }) {
				others = append(others, r)
			} else {
				own = append(own, r)
			}
		}
		hd := &c.Layer(0).Heads[0]
		moved := make(map[int32]float32) // keys of rows that were replaced
		look := func(want []row) {
			require.Equal(t, len(want), hd.Len())
			k := make([]float32, 4*len(want))
			hd.Rows(k, nil, 0, len(want))
			for j, r := range want {
				require.Equal(t, r, row{hd.Pos()[j], hd.Kind(j), hd.Score()[j]})
				key, ok := moved[r.pos]
				if !ok {
					key = float32(r.pos)
				}
				require.Equal(t, key, k[4*j])
			}
		}
		c.hide(c.Layer(0))
		look(own)
		var pick []int32 // a plan's: the hidden rows join it, and their weights leave
		var weights, all []float32
		for j, r := range own {
			if rng.IntN(3) > 0 {
				pick, weights = append(pick, int32(j)), append(weights, float32(r.pos))
			}
		}
		shown := hd.hidden.with(nil, pick, n)
		require.True(t, slices.IsSorted(shown))
		require.Len(t, shown, len(pick)+len(others))
		for _, slot := range shown {
			all = append(all, float32(slot)) // which is its position here
		}
		require.Equal(t, weights, hd.hidden.without(nil, all, shown))
		for range 6 {
			if len(own) == 0 {
				break
			}
			j := rng.IntN(len(own))
			switch rng.IntN(4) {
			case 0:
				own[j].score = float32(rng.IntN(100))
				hd.Score()[j] = own[j].score
			case 1:
				end := j + rng.IntN(len(own)-j+1)
				hd.Drop(j, end)
				own = slices.Delete(own, j, end)
			case 2:
				var keep []int32
				var left []row
				for i, r := range own {
					if rng.IntN(5) > 0 {
						keep, left = append(keep, int32(i)), append(left, r)
					}
				}
				hd.Keep(keep)
				own = left
			case 3:
				moved[own[j].pos] = -1
				hd.Replace([]int32{int32(j)}, []float32{-1, 0, 0, 0}, make([]float32, 4))
			}
			look(own)
		}
		c.Layer(0).show()
		rows := append(own, others...)
		slices.SortFunc(rows, func(a, b row) int { return int(a.pos - b.pos) })
		look(rows)
	}
}
