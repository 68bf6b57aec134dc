package winnow_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
)

// deep is a sequence whose rows are random but for the prompt's last tokens: a
// cache is filled at once, where reading would take minutes.
type deep struct {
	m    model.Model
	kv   *kvcache.Cache
	at   int
	seqs []model.Seq
	s    model.Scratch
}

// deepEnd is how many tokens are really read, at the end of the prompt.
const deepEnd = 64

// newDeep returns a sequence of n tokens, or of 1 for none.
func newDeep(b *testing.B, m model.Model, cfg kvcache.Config, n int) *deep {
	c := m.Config()
	cfg.Model = m
	kv, err := kvcache.New(kvcache.Shape{NumLayers: c.NumLayers, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim}, cfg)
	require.NoError(b, err)
	d := &deep{m: m, kv: kv, seqs: make([]model.Seq, 1)}
	tokens := make([]int32, min(max(n, 1), deepEnd))
	if n > deepEnd {
		d.fill(n - deepEnd)
	}
	for j := range tokens {
		tokens[j] = int32(7 * j % c.VocabSize)
	}
	d.read(b, tokens, kvcache.Step{Prompt: true})
	// Nothing is repeated either: the scores are drawn.
	rng := rand.New(rand.NewPCG(3, 4))
	none := func([]int32) []int32 { return nil }
	require.NoError(b, kv.Rehearse(make([]int32, d.at), 0, none, func(f *kvcache.Cache, _ []int32, _ kvcache.Step) error {
		for i := range c.NumLayers {
			for h := range f.Layer(i).Heads {
				for j := range f.Layer(i).Heads[h].Score() {
					f.Layer(i).Heads[h].Score()[j] = rng.Float32()
				}
			}
		}
		return nil
	}))
	return d
}

// fill gives each layer n random rows, in tiles as a model does.
func (d *deep) fill(n int) {
	c, step := d.m.Config(), kvcache.Step{Prompt: true, Rest: deepEnd}
	for j := range n {
		step.Pos = append(step.Pos, int32(j))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	qd, kd := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	noise := make([]float32, model.TileRows*(qd+2*kd)+n)
	for i := range noise {
		noise[i] = float32(rng.NormFloat64())
	}
	d.kv.Begin(step)
	for i := range c.NumLayers {
		for lo := 0; lo < n; lo += model.TileRows {
			rows, x := min(model.TileRows, n-lo), noise[(lo+i)%n:]
			d.kv.Update(i, lo, x[:rows*qd], x[rows*qd:][:rows*kd], x[rows*(qd+kd):][:rows*kd])
			d.kv.Done(i)
		}
	}
	d.at = n
}

func (d *deep) read(b *testing.B, tokens []int32, step kvcache.Step) {
	q := &d.seqs[0]
	q.Tokens, q.KV, q.Pos = tokens, d.kv, q.Pos[:0]
	for range tokens {
		q.Pos = append(q.Pos, int32(d.at))
		d.at++
	}
	step.Pos = q.Pos
	d.kv.Begin(step)
	require.NoError(b, d.m.Forward(context.Background(), d.seqs, &d.s))
}
