// Package policytest checks that a cache policy keeps the promises on which the
// rest of the library stands, with every cache format and group size, on a small
// model with random weights:
//
//   - with an ample budget it changes nothing, to the last bit;
//   - how a prompt is cut into calls changes nothing;
//   - nor does Fork, nor Save and Load, nor other sequences in the same pass,
//     and a fork leaves its parent alone;
//   - Truncate leaves what was there before, where nothing was dropped since;
//   - the budget is exact, positions ascend, and memory is freed;
//   - pinned rows stay, beside the budget, be they the first or any others;
//   - a step that generates allocates nothing;
//   - prefill takes one whole layer and the compressed others at its peak.
package policytest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/race"
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
	Spread  bool           // Rows is the mean over all layers and heads, exactly
	Whole   bool           // the whole prompt is held until it ends
	Grow    bool           // rows generated later are all kept and come on top
	Forgets bool           // what follows depends on Layer.Memo, which a file does not hold: a loaded cache goes on as one without memos
}

// Tokens is the length of a test's prompt and continuation.
const Tokens = promptLen + nextLen

const (
	promptLen = 200
	nextLen   = 12
)

// Run checks a policy over all pairs of the formats that rows are mostly stored
// in, each with one of the group sizes, so that each format of keys and of values
// meets each of them, and over pairs of the others, KIVI among them, whose rows
// share scales with their block; with -short over the pairs that differ most,
// with one.
func Run(t *testing.T, c Case) {
	pairs := []struct {
		k, v  string
		group int
		short bool
	}{
		{"f16", "f16", 4, true}, {"f32", "int8", 4, true}, {"int8", "f32", 4, true},
		{"f32", "f32", 1, false}, {"f32", "f16", 8, false}, {"f16", "f32", 8, false},
		{"f16", "int8", 1, false}, {"int8", "f16", 1, false}, {"int8", "int8", 8, false},
		{"int4-channel", "int4", 4, true}, {"fp8-e4m3", "int2", 8, false},
	}
	models := make(map[int]model.Model)
	for i, p := range pairs {
		if testing.Short() && !p.short {
			continue
		}
		if models[p.group] == nil {
			models[p.group] = newModel(t, p.group)
		}
		m := models[p.group]
		t.Run(fmt.Sprintf("%s/group%d/%s-%s", c.Name, p.group, p.k, p.v), func(t *testing.T) {
			check(t, m, c, format(t, p.k), format(t, p.v))
		})
		if i == 0 {
			t.Run(c.Name+"/pinned-beginning", func(t *testing.T) { pinned(t, m, c, kvcache.Range{To: 20}) })
			t.Run(c.Name+"/pinned-anywhere", func(t *testing.T) {
				pinned(t, m, c, kvcache.Range{From: 3, To: 9}, kvcache.Range{From: 60, To: 72}, kvcache.Range{From: promptLen - 5, To: promptLen - 3}, kvcache.Range{From: promptLen + 4, To: promptLen + 7})
			})
			t.Run(c.Name+"/bytes", func(t *testing.T) { budgetInBytes(t, m, c) })
			t.Run(c.Name+"/allocations", func(t *testing.T) { allocations(t, m, c) })
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

func (c Case) policy() kvcache.Policy {
	if c.Tight == nil {
		return c.Ample
	}
	return c.Tight
}

func check(t *testing.T, m model.Model, c Case, k, v quant.Format) {
	with := func(p kvcache.Policy) kvcache.Config { return kvcache.Config{K: k, V: v, Policy: p} }
	want := newRun(t, m, with(nil)).read(promptLen).next(nextLen)
	require.Equal(t, want, newRun(t, m, with(c.Ample)).read(promptLen).next(nextLen), "ample budget against the full cache")
	cfg := with(c.policy())
	whole := newRun(t, m, cfg).read(promptLen)
	whole.shape(c)
	whole.neutral(t, cfg, c.Forgets)
	whole.truncated(t)
	whole.batched(t)
	after := whole.next(nextLen)
	whole.shape(c)
	for _, piece := range []int{1, 7, 64} {
		require.Equal(t, after, newRun(t, m, cfg).read(piece).next(nextLen), "prompt in pieces of %d", piece)
	}
}

// pinned checks that the rows of some positions stay, that they come on top of
// the budget, and that all else is as without.
func pinned(t *testing.T, m model.Model, c Case, pin ...kvcache.Range) {
	cfg := kvcache.Config{Policy: c.Ample, Pin: pin}
	if p, ok := c.Ample.(kvcache.Checker); ok && p.Check(kvcache.Shape{}, cfg) != nil {
		t.Skip("the policy refuses these pins: ", p.Check(kvcache.Shape{}, cfg))
	}
	want := newRun(t, m, kvcache.Config{}).read(promptLen).next(nextLen)
	require.Equal(t, want, newRun(t, m, cfg).read(promptLen).next(nextLen), "ample budget against the full cache")
	cfg.Policy = c.policy()
	whole := newRun(t, m, cfg).read(promptLen)
	whole.shape(c)
	whole.neutral(t, cfg, c.Forgets)
	after := whole.next(nextLen)
	whole.shape(c)
	require.Equal(t, after, newRun(t, m, cfg).read(7).next(nextLen), "prompt in pieces")
}

// budgetInBytes checks that a budget in bytes is kept to, with the rows that it
// is said to give, if the policy takes one.
func budgetInBytes(t *testing.T, m model.Model, c Case) {
	p, ok := c.policy().(kvcache.Budgeted)
	mc := m.Config()
	shape := kvcache.Shape{NumLayers: mc.NumLayers, NumHeads: mc.NumHeads, NumKVHeads: mc.NumKVHeads, HeadDim: mc.HeadDim}
	if !ok || c.Tight == nil || p.WithBudget(shape, promptLen/2) == nil {
		t.Skip("the policy has no budget to set")
	}
	cfg := kvcache.Config{Policy: p, MaxBytes: shape.Bytes(kvcache.Config{}, promptLen)}
	rows := shape.RowsWithin(cfg, cfg.MaxBytes)
	require.Less(t, rows, promptLen)
	r := newRun(t, m, cfg).read(promptLen)
	kept := 0
	for i := range shape.NumLayers {
		for h := range r.kv.Layer(i).Heads {
			kept += r.kv.Layer(i).Heads[h].Len()
		}
	}
	most := rows * shape.NumLayers * shape.NumKVHeads
	require.LessOrEqual(t, kept, most)
	require.Greater(t, kept, most*19/20, "and the budget is used")
	require.LessOrEqual(t, r.kv.Bytes(), cfg.MaxBytes)
	b, ok := c.policy().(kvcache.Bounded)
	require.Equal(t, !c.Grow, ok && b.Bounded(), "whether the budget holds while text is generated")
	for range 2 * kvcache.BlockRows { // whatever the slack and the tail are
		if r.step(); !c.Grow {
			require.LessOrEqual(t, r.kv.Bytes(), cfg.MaxBytes)
		}
	}
}

// allocations checks that generating allocates nothing but where rows fill a
// block, which few steps do.
func allocations(t *testing.T, m model.Model, c Case) {
	r := newRun(t, m, kvcache.Config{Policy: c.policy()}).read(promptLen)
	for range 2 * kvcache.BlockRows { // until buffers have their sizes
		r.step()
	}
	if race.Enabled {
		t.Skip("the race detector runs, under which pools forget what they hold")
	}
	some := 0
	for range kvcache.BlockRows {
		if testing.AllocsPerRun(1, r.step) > 0 {
			some++
		}
	}
	require.LessOrEqual(t, some, kvcache.BlockRows/4, "generated tokens of %d that allocate", kvcache.BlockRows)
}
