// Package policytest checks that a cache policy keeps the promises on which the
// rest of the library stands, with every cache format and group size, on a small
// model with random weights:
//
//   - with an ample budget it changes nothing, to the last bit;
//   - how a prompt is cut into calls changes nothing;
//   - nor does Fork, nor Save and Load, and a fork leaves its parent alone;
//   - the budget is exact, positions ascend, and memory is freed;
//   - prefill takes one whole layer and the compressed others at its peak.
package policytest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// Case is a policy under test.
type Case struct {
	Name    string
	Ample   kvcache.Policy // with a budget of at least Tokens rows
	Tight   kvcache.Policy // with a budget of Rows rows; nil: the policy drops nothing
	Rows    int            // that each head holds when a prompt longer than that ends
	Layers  []int          // Rows of each layer, in place of Rows where they differ
	Ragged  bool           // Rows is the mean over a layer's heads, give or take one
	Grow    bool           // rows generated later are all kept and come on top
	Forgets bool           // what follows depends on Layer.Memo, which a file does not hold: a loaded cache goes on as one without memos
}

// Tokens is the length of a test's prompt and continuation.
const Tokens = promptLen + nextLen

const (
	promptLen = 200
	nextLen   = 12
)

// Run checks a policy over all formats and group sizes, with -short over the
// pairs that differ most in one group size.
func Run(t *testing.T, c Case) {
	names := []string{"f32", "f16", "int8"}
	groups := []int{1, 4, 8}
	if testing.Short() {
		groups = []int{4}
	}
	for _, group := range groups {
		m := newModel(t, group)
		for i, k := range names {
			for j, v := range names {
				if testing.Short() && i+j != 2 {
					continue
				}
				t.Run(fmt.Sprintf("%s/group%d/%s-%s", c.Name, group, k, v), func(t *testing.T) {
					check(t, m, c, format(t, k), format(t, v))
				})
			}
		}
	}
}

func format(t *testing.T, name string) quant.Format {
	f, err := quant.ByName(name)
	require.NoError(t, err)
	return f
}

func newModel(t *testing.T, group int) model.Model {
	file, err := testmodel.GGUF(testmodel.Tiny(group), quant.F32, uint64(group))
	require.NoError(t, err)
	src, err := weights.OpenReaderAt(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	pool := par.New(2)
	t.Cleanup(func() { pool.Close(); src.Close() })
	m, err := model.Open(src, pool)
	require.NoError(t, err)
	return m
}

func check(t *testing.T, m model.Model, c Case, k, v quant.Format) {
	full := kvcache.Config{K: k, V: v}
	want := newRun(t, m, full).read(promptLen).next(nextLen)
	with := func(p kvcache.Policy) kvcache.Config { return kvcache.Config{K: k, V: v, Policy: p} }
	require.Equal(t, want, newRun(t, m, with(c.Ample)).read(promptLen).next(nextLen), "ample budget against the full cache")
	pol := c.Tight
	if pol == nil {
		pol = c.Ample
	}
	whole := newRun(t, m, with(pol)).read(promptLen)
	whole.shape(c)
	whole.neutral(t, with(pol), c.Forgets)
	after := whole.next(nextLen)
	whole.shape(c)
	for _, piece := range []int{1, 7, 64} {
		require.Equal(t, after, newRun(t, m, with(pol)).read(piece).next(nextLen), "prompt in pieces of %d", piece)
	}
}

// run is a sequence in progress.
type run struct {
	t      *testing.T
	m      model.Model
	kv     *kvcache.Cache
	s      model.Scratch
	tokens []int32
	at     int
	logits []float32
}

func newRun(t *testing.T, m model.Model, cfg kvcache.Config) *run {
	mc := m.Config()
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
			if sum += len(pos); !c.Ragged {
				require.Len(r.t, pos, want, "layer %d, head %d", i, h)
			}
			require.Less(r.t, int(pos[len(pos)-1]), r.at)
			kept += int64(len(pos))
		}
		if c.Ragged {
			require.InDelta(r.t, want*len(l.Heads), sum, float64(len(l.Heads)), "layer %d", i)
		}
	}
	// Evicted rows may still take one block a head, and an eighth.
	one := r.kv.Shape()
	row := cfg.K.Size(1, one.HeadDim) + cfg.V.Size(1, one.HeadDim)
	heads := int64(one.NumLayers * one.NumKVHeads)
	exact := heads * kvcache.BlockRows * int64(8*one.HeadDim)
	bytes = kept*int64(row+8)*8/7 + heads*kvcache.BlockRows*int64(row) + exact
	require.LessOrEqual(r.t, r.kv.Bytes(), bytes, "memory of evicted rows is freed")
	layer := one
	layer.NumLayers = 1
	if c.Tight != nil && r.at == promptLen {
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
	rows = min(r.at, rows)
	if c.Grow {
		rows += r.at - promptLen
	}
	return rows
}

// neutral checks that a fork and a file go on as the cache itself does; a file,
// if the policy forgets, as the cache does without its memos.
func (r *run) neutral(t *testing.T, cfg kvcache.Config, forgets bool) {
	fingerprint := [32]byte{1, 2, 3}
	var file bytes.Buffer
	require.NoError(t, r.kv.Save(&file, fingerprint, []byte("note")))
	loaded, note, err := kvcache.Load(bytes.NewReader(file.Bytes()), fingerprint, r.kv.Shape(), kvcache.Config{Policy: cfg.Policy})
	require.NoError(t, err)
	require.Equal(t, "note", string(note))
	require.Equal(t, r.kv.Bytes(), loaded.Bytes())
	other := func(kv *kvcache.Cache) *run {
		return &run{t: t, m: r.m, kv: kv, tokens: r.tokens, at: r.at}
	}
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
