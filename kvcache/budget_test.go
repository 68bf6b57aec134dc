package kvcache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// last keeps the last n rows, by dropping single ones.
type last struct{ n int }

func (last) Show(*Layer, Step) Plan { return Plan{} }

func (p last) Keep(l *Layer, s Step, _ *attention.Scores) {
	for h := range l.Heads {
		for hd := &l.Heads[h]; s.Rest == 0 && hd.Len() > p.n; {
			hd.Score()
			hd.Drop(hd.Len()/2, hd.Len()/2+1)
		}
	}
}

func (last) Bounded() bool { return true }

func (p last) WithBudget(_ Shape, rows int) Policy {
	if p.n < 0 {
		return nil
	}
	return last{rows}
}

// ends keeps the last n rows when a prompt ends.
type ends struct{ last }

func (ends) Bounded() bool { return false }

func (p ends) Keep(l *Layer, s Step, _ *attention.Scores) {
	for h := range l.Heads {
		if hd := &l.Heads[h]; s.Prompt && hd.Len() > p.n {
			hd.Score()
			hd.Keep(appendSlots(nil, hd.Len()-p.n, hd.Len()))
		}
	}
}

func (p ends) WithBudget(_ Shape, rows int) Policy { return ends{last{rows}} }

// A policy that drops rows when prompts end gets all the room that there is: at
// the worst moment, with 63 rows as float32, the cache takes just what a head's
// share is said to hold.
func TestMaxBytesTight(t *testing.T) {
	shape := Shape{2, 4, 2, 8}
	cfg := Config{Policy: ends{}, MaxBytes: 100_000}
	rows := shape.RowsWithin(cfg, cfg.MaxBytes)
	c, err := New(shape, cfg)
	require.NoError(t, err)
	n := 20*BlockRows - 1
	c.Begin(Step{Pos: appendSlots(nil, 0, n), Prompt: true, Kind: make([]uint8, n)})
	for i := range shape.NumLayers {
		c.Update(i, 0, make([]float32, 32*n), make([]float32, 16*n), make([]float32, 16*n))
		c.Done(i)
	}
	require.Equal(t, rows, c.Rows())
	require.EqualValues(t, 4*(rows*(2*16+columnBytes)+63*(2*32-2*16)), c.Bytes())
	require.InDelta(t, cfg.MaxBytes, c.Bytes(), 4*(2*16+columnBytes), "no row more fits")
	cfg.Policy = last{}
	require.Less(t, shape.RowsWithin(cfg, cfg.MaxBytes), rows, "where rows leave with each token there is slack")
}

// The bytes are never exceeded, whatever the slack and the tail are at the
// moment, and one row more a head would not be safe.
func TestMaxBytes(t *testing.T) {
	shape := Shape{2, 4, 2, 8}
	for _, f := range []quant.Format{quant.F32, quant.F16, quant.Int8} {
		for _, max := range []int64{20_000, 60_000, 150_000} {
			cfg := Config{K: f, V: f, Policy: last{}, MaxBytes: max}
			rows := shape.RowsWithin(cfg, max)
			require.LessOrEqual(t, 4*cfg.worst(8, rows), max)
			require.Greater(t, 4*cfg.worst(8, rows+1), max)
			c, err := New(shape, cfg)
			require.NoError(t, err)
			feed := func(n, at int) {
				s := Step{Prompt: n > 1, Kind: make([]uint8, n)}
				for j := range n {
					s.Pos = append(s.Pos, int32(at+j))
				}
				c.Begin(s)
				for i := range shape.NumLayers {
					c.Update(i, 0, make([]float32, 32*n), make([]float32, 16*n), make([]float32, 16*n))
					c.Done(i)
				}
				require.LessOrEqual(t, c.Bytes(), max)
				require.Equal(t, min(rows, at+n), c.Rows())
			}
			feed(rows+300, 0)
			most := c.Bytes()
			for j := range 300 {
				feed(1, rows+300+j)
				if c.Bytes() > most {
					most = c.Bytes()
				}
			}
			require.Greater(t, most, max/2, "the room is used")
		}
	}
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{MaxBytes: 1 << 20}, "policy <nil>"},
		{Config{MaxBytes: 1 << 20, Policy: rude{}}, "policy kvcache.rude"},
		{Config{MaxBytes: -1, Policy: last{}}, "MaxBytes -1"},
		{Config{MaxBytes: 1 << 20, Policy: last{-1}}, "whatever its budget"},
		{Config{MaxBytes: 9359, Policy: last{}, Pin: []Range{{0, 3}}}, "room for 3 rows a head; want at least 9360 for one row beside 3 pinned ones"},
	} {
		_, err := New(shape, c.cfg)
		require.ErrorContains(t, err, c.want)
	}
}
