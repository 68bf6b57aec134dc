package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/kvcache/policy/policytest"
	"github.com/winnowlm/winnow/quant"
)

// Recycled drops no row, so that Rows is all of them in the tight case too.
func TestRecycledConformance(t *testing.T) {
	const all = policytest.Tokens
	for _, c := range []policytest.Case{
		{
			Name:  "recycled",
			Ample: policy.Recycled{TopK: all, Stride: 5},
			Tight: policy.Recycled{TopK: 40, Stride: 5}, Rows: all, Forgets: true,
		},
		{
			Name:  "recycled-query",
			Ample: policy.Recycled{TopK: all, Stride: 2, Threshold: 0.9},
			Tight: policy.Recycled{TopK: 40, Stride: 2, Threshold: 0.9, Kernel: 1, FirstHead: true}, Rows: all, Forgets: true,
		},
		{
			Name:  "recycled-over-snapkv",
			Ample: policy.Recycled{Over: policy.SnapKV{Budget: all}, TopK: all},
			Tight: policy.Recycled{Over: policy.SnapKV{Budget: 70}, TopK: 40, Stride: 5}, Rows: 70, Grow: true, Forgets: true,
		},
		{
			Name:  "recycled-over-window",
			Ample: policy.Recycled{Over: policy.Window{Recent: all}, TopK: all},
			Tight: policy.Recycled{Over: policy.Window{Recent: 66}, TopK: 40, Stride: 5}, Rows: 70, Forgets: true,
		},
	} {
		policytest.Run(t, c)
	}
}

// feed is one layer of one head that counts the rows that a step sees.
type feed struct {
	kv   *kvcache.Cache
	next int32
}

func newFeed(t *testing.T, p kvcache.Policy) *feed {
	kv, err := kvcache.New(kvcache.Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: 2}, kvcache.Config{K: quant.F32, V: quant.F32, Policy: p})
	require.NoError(t, err)
	return &feed{kv: kv}
}

func (f *feed) step(prompt bool, n int, query []float32) (rows int) {
	s := kvcache.Step{Prompt: prompt}
	var q []float32
	for range n {
		s.Pos = append(s.Pos, f.next)
		q = append(q, query...)
		f.next++
	}
	f.kv.Begin(s)
	x := make([]float32, 2*n)
	for _, span := range f.kv.Update(0, 0, q, x, x).Heads[0] {
		rows += len(span.Pos)
	}
	f.kv.Done(0)
	return rows
}

func TestRecycledSchedule(t *testing.T) {
	east, north := []float32{1, 0}, []float32{0, 1}
	f := newFeed(t, policy.Recycled{TopK: 8, Stride: 3})
	rows := []int{f.step(true, 20, east)}
	for range 7 {
		rows = append(rows, f.step(false, 1, east))
	}
	require.Equal(t, []int{20, 9, 9, 23, 9, 9, 26, 9}, rows)
	require.Equal(t, 37, f.step(true, 10, east), "a prompt is read in full")
	require.Equal(t, 9, f.step(false, 1, east))
	require.Equal(t, 39, f.step(true, 1, east), "even one of one token")
	require.Equal(t, 9, f.step(false, 1, east))
	f.kv.Truncate(f.next)
	require.Equal(t, 41, f.step(false, 1, east), "nothing is known of a full step")
	require.Equal(t, 9, f.step(false, 1, east))

	f = newFeed(t, policy.Recycled{TopK: 8, Stride: 2, Threshold: 0.5})
	f.step(true, 20, east)
	rows = nil
	for _, q := range [][]float32{east, east, north, east, north, north, north, north, east, {0, 0}} {
		rows = append(rows, f.step(false, 1, q))
	}
	require.Equal(t, []int{9, 9, 9, 9, 9, 26, 9, 9, 9, 30}, rows, "only every second step asks")
}

func TestRecycledCheck(t *testing.T) {
	for _, c := range []struct {
		p    policy.Recycled
		want string
	}{
		{policy.Recycled{TopK: -1}, "TopK"},
		{policy.Recycled{Stride: -1}, "Stride"},
		{policy.Recycled{Threshold: 1}, "Threshold"},
		{policy.Recycled{Kernel: 4}, "Kernel"},
	} {
		require.ErrorContains(t, c.p.Check(kvcache.Shape{}, kvcache.Config{}), c.want)
	}
	require.NoError(t, policy.Recycled{}.Check(kvcache.Shape{}, kvcache.Config{}))
}
