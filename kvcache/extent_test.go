package kvcache

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/quant"
)

// apart returns the bytes of the memory that blocks lie in, each extent being
// one piece in the order of its blocks.
func apart(t *testing.T, blocks []block) (bytes int64, extents int) {
	for i := 0; i < len(blocks); extents++ {
		bytes += blocks[i].in.bytes
		end := extentEnd(blocks, i)
		require.LessOrEqual(t, end-i, blocks[i].in.blocks)
		lost := blocks[i].in.blocks - (end - i)
		for at := uintptr(0); i < end; i++ {
			for _, m := range []quant.Matrix{blocks[i].k, blocks[i].v} {
				next := uintptr(unsafe.Pointer(&m.Data[0]))
				require.True(t, at == 0 || at == next || lost > 0 && at < next, "blocks lie in order, without gaps but for those that were lost")
				at = next + uintptr(len(m.Data))
			}
		}
		for _, b := range blocks[end:] {
			require.NotSame(t, blocks[end-1].in, b.in)
		}
	}
	return bytes, extents
}

// step appends n rows to a cache of one layer with one head of 4 channels.
func step(t *testing.T, c *Cache, r *rand.Rand, at, n int) {
	x := make([]float32, 4*n)
	for j := range x {
		x[j] = r.Float32()
	}
	c.Begin(Step{Pos: appendSlots(nil, at, at+n)})
	c.Update(0, 0, x, x, x)
	c.Done(0)
}

// Whatever happens to a head, its bytes are those of the memory that it holds,
// of which rows that were dropped have no more than their share; and forks keep
// theirs.
func TestExtentsHoldWhatIsCounted(t *testing.T) {
	shape := Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: 4}
	for _, f := range []quant.Format{quant.F16, quant.Int8} {
		c, err := New(shape, Config{K: f, V: f})
		require.NoError(t, err)
		r, at := rand.New(rand.NewPCG(1, 2)), 0
		for range 500 {
			n := 1 + r.IntN(3)*r.IntN(200)
			step(t, c, r, at, n)
			at += n
			fork := c.Fork()
			forked := rowsOf(fork)
			hd, all := &c.layers[0].Heads[0], false
			switch x := make([]float32, 4); r.IntN(8) {
			case 0:
				lo := r.IntN(hd.Len() + 1)
				hd.Drop(lo, lo+r.IntN(hd.Len()-lo+1))
			case 1:
				var keep []int32
				for j := range hd.Len() {
					if r.IntN(4) > 0 || j/512%2 == 0 {
						keep = append(keep, int32(j))
					}
				}
				all = len(keep) < hd.Len()
				hd.Keep(keep)
			case 2:
				hd.Replace([]int32{int32(r.IntN(hd.Len()))}, x, x)
			case 3:
				hd.Drop(0, min(hd.Len(), r.IntN(2*BlockRows)))
			case 4:
				c = fork
			}
			bytes, _ := apart(t, hd.blocks)
			require.Equal(t, bytes, hd.blockBytes)
			_, held := hd.count()
			require.LessOrEqual(t, held-hd.sealed, max(BlockRows, held/slackShare))
			if all {
				require.Equal(t, held, hd.sealed, "Keep leaves nothing behind")
			}
			require.Equal(t, forked, rowsOf(fork))
			if hd.Len() == 0 {
				break
			}
		}
	}
}

func rowsOf(c *Cache) []float32 {
	hd := &c.layers[0].Heads[0]
	k, v := make([]float32, 4*hd.Len()), make([]float32, 4*hd.Len())
	hd.Rows(k, v, 0, hd.Len())
	return append(k, v...)
}

// Rows that come one by one, or in tiles, soon lie in a few long streams.
func TestExtentsGrow(t *testing.T) {
	for _, n := range []int{1, 7, 64, 100, 512} {
		c, err := New(Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: 4}, Config{})
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(1, 2))
		for at := 0; at < 16384; at += n {
			step(t, c, r, at, n)
		}
		_, extents := apart(t, c.layers[0].Heads[0].blocks)
		require.Less(t, extents, 24, "steps of %d", n)
	}
}
