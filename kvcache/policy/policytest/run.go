package policytest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/quant"
)

// run is a sequence in progress.
type run struct {
	t      *testing.T
	m      model.Model
	kv     *kvcache.Cache
	s      model.Scratch
	tokens []int32
	at     int
	logits []float32
	one    []model.Seq // of step
}

func newRun(t *testing.T, m model.Model, cfg kvcache.Config) *run {
	mc := m.Config()
	cfg.Model = m
	kv, err := kvcache.New(kvcache.Shape{NumLayers: mc.NumLayers, NumHeads: mc.NumHeads, NumKVHeads: mc.NumKVHeads, HeadDim: mc.HeadDim}, cfg)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(3, 4))
	r := &run{t: t, m: m, kv: kv}
	for range Tokens {
		r.tokens = append(r.tokens, int32(rng.IntN(mc.VocabSize)))
	}
	return r
}

func (r *run) forward(n int, step kvcache.Step) {
	for j := range n {
		step.Pos = append(step.Pos, int32(r.at+j))
	}
	r.kv.Begin(step)
	seqs := []model.Seq{{Tokens: r.tokens[r.at : r.at+n], Pos: step.Pos, KV: r.kv}}
	require.NoError(r.t, r.m.Forward(context.Background(), seqs, &r.s))
	r.at += n
	r.logits = seqs[0].Logits
}

// read reads the prompt in pieces.
func (r *run) read(piece int) *run {
	for r.at < promptLen {
		n := min(piece, promptLen-r.at)
		r.forward(n, kvcache.Step{Prompt: true, Rest: promptLen - r.at - n})
	}
	lead := func([]int32) []int32 { return []int32{7, 8} }
	require.NoError(r.t, r.kv.Rehearse(r.tokens[:promptLen], 0, lead, func(f *kvcache.Cache, tokens []int32, s kvcache.Step) error {
		f.Begin(s)
		return r.m.Forward(context.Background(), []model.Seq{{Tokens: tokens, Pos: s.Pos, KV: f, Out: []int32{}}}, &r.s)
	}))
	return r
}

// next feeds n tokens as if they had been generated and returns the last
// logits.
func (r *run) next(n int) []float32 {
	for range n {
		r.forward(1, kvcache.Step{})
	}
	return r.logits
}

// step feeds one more token, and allocates nothing itself.
func (r *run) step() {
	if r.one == nil {
		r.one = []model.Seq{{Tokens: []int32{1}, Pos: []int32{0}, KV: r.kv}}
	}
	r.one[0].Pos[0] = int32(r.at)
	r.kv.Begin(kvcache.Step{Pos: r.one[0].Pos})
	require.NoError(r.t, r.m.Forward(context.Background(), r.one, &r.s))
	r.at++
}

// shape checks lengths, order and memory.
func (r *run) shape(c Case) {
	bytes, kept := int64(0), int64(0)
	cfg := r.kv.Config()
	for i := range r.kv.Shape().NumLayers {
		l := r.kv.Layer(i)
		want, sum := r.want(c, i), 0
		for h := range l.Heads {
			pos := l.Heads[h].Pos()
			for j := 1; j < len(pos); j++ {
				require.Less(r.t, pos[j-1], pos[j], "positions ascend")
			}
			require.Subset(r.t, pos, positions(cfg.Pin, r.at), "pinned rows stay")
			if sum += len(pos); !c.Ragged && !c.Spread {
				require.Len(r.t, pos, want, "layer %d, head %d", i, h)
			}
			require.Less(r.t, int(pos[len(pos)-1]), r.at)
			kept += int64(len(pos))
		}
		if c.Ragged && !c.Spread {
			require.InDelta(r.t, want*len(l.Heads), sum, float64(len(l.Heads)), "layer %d", i)
		}
	}
	if one := r.kv.Shape(); c.Spread {
		require.EqualValues(r.t, r.want(c, 0)*one.NumLayers*one.NumKVHeads, kept, "rows of all layers")
	}
	// Evicted rows may still take one block a head, and an eighth; and what a
	// block's rows share stays while any of them does.
	one := r.kv.Shape()
	shared := quant.Header(cfg.K, one.HeadDim) + quant.Header(cfg.V, one.HeadDim)
	row := cfg.K.Size(1, one.HeadDim) + cfg.V.Size(1, one.HeadDim) - shared
	heads := int64(one.NumLayers * one.NumKVHeads)
	exact := heads * kvcache.BlockRows * int64(8*one.HeadDim)
	bytes = kept*int64(row+8)*8/7 + heads*kvcache.BlockRows*int64(row) + exact
	bytes += heads * int64((r.at+kvcache.BlockRows-1)/kvcache.BlockRows*shared)
	require.LessOrEqual(r.t, r.kv.Bytes(), bytes, "memory of evicted rows is freed")
	layer := one
	layer.NumLayers = 1
	if c.Tight != nil && !c.Whole && r.at == promptLen {
		whole := layer.Bytes(cfg, promptLen)
		require.LessOrEqual(r.t, r.kv.Peak(), whole+r.kv.Bytes(), "peak is one whole layer and the others compressed")
		require.GreaterOrEqual(r.t, r.kv.Peak(), whole)
	}
}

// want returns how many rows the heads of layer i are to hold now.
func (r *run) want(c Case, i int) int {
	if c.Tight == nil {
		return r.at
	}
	rows := c.Rows
	if c.Layers != nil {
		rows = c.Layers[i]
	}
	pin := r.kv.Config().Pin
	pinned, before := len(positions(pin, r.at)), len(positions(pin, promptLen))
	if !c.Grow {
		return pinned + min(r.at-pinned, rows)
	}
	return pinned + min(promptLen-before, rows) + r.at - promptLen - (pinned - before)
}

// positions lists those of ranges that are below end.
func positions(ranges []kvcache.Range, end int) (all []int32) {
	for _, r := range ranges {
		for p := r.From; p < min(r.To, int32(end)); p++ {
			all = append(all, p)
		}
	}
	return all
}

// neutral checks that a fork and a file go on as the cache itself does; a file,
// if the policy forgets, as the cache does without its memos.
func (r *run) neutral(t *testing.T, cfg kvcache.Config, forgets bool) {
	fingerprint := [32]byte{1, 2, 3}
	var file bytes.Buffer
	require.NoError(t, r.kv.Save(&file, fingerprint, []byte("note")))
	loaded, note, err := kvcache.Load(bytes.NewReader(file.Bytes()), fingerprint, r.kv.Shape(), kvcache.Config{Policy: cfg.Policy, Pin: cfg.Pin, Model: r.m})
	require.NoError(t, err)
	require.Equal(t, "note", string(note))
	require.Equal(t, r.kv.Bytes(), loaded.Bytes())
	other := r.with
	disturb := other(r.kv.Fork())
	disturb.tokens = append(append([]int32{}, r.tokens[:r.at]...), make([]int32, nextLen)...)
	parent := r.kv.Fork()
	disturb.next(nextLen)
	want := other(parent).next(nextLen)
	require.Equal(t, want, other(r.kv.Fork()).next(nextLen), "a fork of a cache whose other fork went on")
	if forgets {
		bare := r.kv.Fork()
		bare.Truncate(int32(r.at)) // drops memos alone
		want = other(bare).next(nextLen)
	}
	require.Equal(t, want, other(loaded).next(nextLen), "a cache that was saved and loaded")
}

// with returns a run that goes on from here with another cache.
func (r *run) with(kv *kvcache.Cache) *run {
	return &run{t: r.t, m: r.m, kv: kv, tokens: r.tokens, at: r.at}
}

// truncated checks that a cache goes on from where it is put back to as if
// nothing had come after. Memos are dropped, and what was evicted meanwhile
// does not come back, so only heads that lost nothing can be compared.
func (r *run) truncated(t *testing.T) {
	back := r.with(r.kv.Fork())
	back.next(5)
	back.kv.Truncate(int32(r.at))
	back.at = r.at
	lost := false
	for i := range r.kv.Shape().NumLayers {
		for h := range r.kv.Layer(i).Heads {
			before, now := r.kv.Layer(i).Heads[h].Pos(), back.kv.Layer(i).Heads[h].Pos()
			require.Subset(t, before, now)
			lost = lost || len(now) < len(before)
		}
	}
	got := back.next(nextLen)
	if !lost {
		bare := r.with(r.kv.Fork())
		bare.kv.Truncate(int32(r.at))
		require.Equal(t, bare.next(nextLen), got, "a cache that was truncated")
	}
}

// batched checks that sequences that go through the model together are what
// they are alone.
func (r *run) batched(t *testing.T) {
	var seqs []model.Seq
	var want []float32
	for _, token := range []int32{3, 5} {
		alone := r.with(r.kv.Fork())
		alone.tokens = append(slices.Clone(r.tokens[:r.at]), token)
		want = append(want, alone.next(1)...)
		kv := r.kv.Fork()
		pos := []int32{int32(r.at)}
		kv.Begin(kvcache.Step{Pos: pos})
		seqs = append(seqs, model.Seq{Tokens: []int32{token}, Pos: pos, KV: kv})
	}
	require.NoError(t, r.m.Forward(context.Background(), seqs, &model.Scratch{}))
	require.Equal(t, want, append(slices.Clone(seqs[0].Logits), seqs[1].Logits...), "two sequences in one pass")
}
