package kvcache_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

var shape = kvcache.Shape{NumLayers: 2, NumHeads: 4, NumKVHeads: 2, HeadDim: 8}

func newCache(t testing.TB, cfg kvcache.Config) *kvcache.Cache {
	c, err := kvcache.New(shape, cfg)
	require.NoError(t, err)
	return c
}

// fill appends n random tokens from position pos on, as one step.
func fill(t testing.TB, c *kvcache.Cache, rng *rand.Rand, pos, n int) {
	s := kvcache.Step{Prompt: true}
	for j := range n {
		s.Pos = append(s.Pos, int32(pos+j))
		s.Kind = append(s.Kind, uint8(rng.IntN(3)))
	}
	c.Begin(s)
	row := func(heads int) []float32 {
		x := make([]float32, n*heads*shape.HeadDim)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	for i := range shape.NumLayers {
		c.Update(i, 0, row(shape.NumHeads), row(shape.NumKVHeads), row(shape.NumKVHeads))
		c.Done(i)
	}
}

// contents decodes everything in the cache.
func contents(c *kvcache.Cache) (all []any) {
	k, v := make([]float32, shape.HeadDim), make([]float32, shape.HeadDim)
	for i := range shape.NumLayers {
		for h := range c.Layer(i).Heads {
			hd := &c.Layer(i).Heads[h]
			for slot := range hd.Len() {
				hd.Rows(k, v, slot, slot+1)
				all = append(all, hd.Pos()[slot], hd.Kind(slot), hd.Score()[slot], append([]float32{}, k...), append([]float32{}, v...))
			}
		}
	}
	return all
}

var fingerprint = [32]byte{7}

func saved(t testing.TB) (*kvcache.Cache, []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := newCache(t, kvcache.Config{V: quant.Int8})
	fill(t, c, rng, 0, 150)
	hd := &c.Layer(1).Heads[0]
	hd.Score()[3] = 2.5
	hd.Drop(10, 30)
	var file bytes.Buffer
	require.NoError(t, c.Save(&file, fingerprint, []byte("note")))
	return c, file.Bytes()
}

func TestSaveLoad(t *testing.T) {
	c, file := saved(t)
	got, note, err := kvcache.Load(bytes.NewReader(file), fingerprint, shape, kvcache.Config{V: quant.Int8})
	require.NoError(t, err)
	require.Equal(t, "note", string(note))
	require.Equal(t, contents(c), contents(got))
	require.Equal(t, quant.F16, got.Config().K)
}

func TestLoadRefuses(t *testing.T) {
	_, file := saved(t)
	load := func(data []byte, print [32]byte, s kvcache.Shape, cfg kvcache.Config) error {
		_, _, err := kvcache.Load(bytes.NewReader(data), print, s, cfg)
		return err
	}
	other := shape
	other.NumLayers++
	require.ErrorIs(t, load(file, [32]byte{8}, shape, kvcache.Config{}), kvcache.ErrForeign)
	require.ErrorIs(t, load(file, fingerprint, other, kvcache.Config{}), kvcache.ErrForeign)
	require.ErrorIs(t, load(file, fingerprint, shape, kvcache.Config{K: quant.F32}), kvcache.ErrForeign)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		cut := rng.IntN(len(file))
		require.ErrorIs(t, load(file[:cut], fingerprint, shape, kvcache.Config{}), kvcache.ErrDamaged, "cut to %d", cut)
		bad := bytes.Clone(file)
		at := rng.IntN(len(file))
		bad[at] ^= 1 << rng.IntN(8)
		err := load(bad, fingerprint, shape, kvcache.Config{})
		require.True(t, errors.Is(err, kvcache.ErrDamaged) || errors.Is(err, kvcache.ErrForeign), "byte %d altered: %v", at, err)
	}
}

// failing is a writer that breaks after n bytes.
type failing struct{ n int }

func (f *failing) Write(b []byte) (int, error) {
	if f.n -= len(b); f.n < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func TestSaveReportsWriteErrors(t *testing.T) {
	c, file := saved(t)
	for _, n := range []int{0, 100, len(file) - 1} {
		require.ErrorContains(t, c.Save(&failing{n}, fingerprint, []byte("note")), "disk full")
	}
}

func FuzzLoad(f *testing.F) {
	_, file := saved(f)
	f.Add(file)
	f.Add(file[:200])
	f.Fuzz(func(t *testing.T, data []byte) {
		c, _, err := kvcache.Load(bytes.NewReader(data), fingerprint, shape, kvcache.Config{})
		if err == nil {
			contents(c)
		}
	})
}

// Truncate undoes a step to the bit where rows are exact, and appending the
// same again gives the same.
func TestTruncate(t *testing.T) {
	c := newCache(t, kvcache.Config{K: quant.F32, V: quant.F32})
	fill(t, c, rand.New(rand.NewPCG(1, 1)), 0, 100)
	before, size := contents(c), c.Bytes()
	for range 2 {
		fill(t, c, rand.New(rand.NewPCG(2, 2)), 100, 70)
		require.Len(t, contents(c), len(before)/100*170)
		c.Truncate(100)
		require.Equal(t, before, contents(c))
	}
	require.LessOrEqual(t, c.Bytes(), 2*size)
	c.Truncate(0)
	require.Empty(t, contents(c))
	require.Zero(t, c.Bytes())
	require.Zero(t, c.Rows())
}

// Keep and Drop on the columns and rows agree with a plain slice of rows.
func TestEvictionAgreesWithASlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		c := newCache(t, kvcache.Config{V: quant.Int8})
		fill(t, c, rng, 0, 1+rng.IntN(300))
		next := 300
		for range 6 {
			hd := &c.Layer(0).Heads[0]
			model := contents(c)[:5*hd.Len()]
			var keep []int32
			if lo := rng.IntN(hd.Len() + 1); rng.IntN(2) == 0 {
				hi := lo + rng.IntN(hd.Len()-lo+1)
				hd.Drop(lo, hi)
				model = append(model[:5*lo:5*lo], model[5*hi:]...)
			} else {
				var want []any
				share := rng.IntN(10)
				for j := range hd.Len() {
					if rng.IntN(10) >= share {
						keep = append(keep, int32(j))
						want = append(want, model[5*j:5*j+5]...)
					}
				}
				hd.Keep(keep)
				model = want
			}
			if len(model) == 0 {
				require.Zero(t, hd.Len())
			} else {
				require.Equal(t, model, contents(c)[:len(model)])
			}
			fill(t, c, rng, next, 1+rng.IntN(80))
			next += 80
		}
	}
}

func TestMistakesPanic(t *testing.T) {
	c := newCache(t, kvcache.Config{})
	fill(t, c, rand.New(rand.NewPCG(1, 2)), 0, 10)
	hd := &c.Layer(0).Heads[0]
	require.Panics(t, func() { hd.Keep([]int32{3, 2}) })
	require.Panics(t, func() { hd.Keep([]int32{10}) })
	require.Panics(t, func() { hd.Drop(3, 11) })
	require.Panics(t, func() { c.Update(0, 9, make([]float32, 64), make([]float32, 32), make([]float32, 32)) })
	_, err := kvcache.New(shape, kvcache.Config{K: quant.Q8_0})
	require.ErrorContains(t, err, "q8_0 wants rows of a multiple of 32, have heads of 8")
}
