package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// Recycled drops nothing, and shows everything only now and then: at the end
// of a prompt and at every Stride-th generated token. The steps between see,
// in each KV head, the TopK rows to which the last query of the last full step
// attended most, and what was generated since; for each new row the one with
// the lowest score leaves (Recycled Attention, Xu et al. 2024, arXiv
// 2411.05787; its later versions are called RefreshKV). It saves reading, not
// memory. No code was published; this follows the paper.
//
// With Threshold, a Stride-th step is full only if the layer's query, averaged
// over its heads, has turned away from that of the last full step: if their
// cosine is at most Threshold. Each layer decides for itself.
//
// A row's score is the largest of its KV head's query heads, pooled by the
// maximum over Kernel neighbours. Equal scores: the lower position stays.
// Generated rows outrank all scored ones; when those are gone, the oldest
// leaves. What is remembered of the last full step is not saved: the first
// step after kvcache.Load or Truncate is full.
type Recycled struct {
	TopK      int     // rows that a step between full ones sees besides its own; 0: 2048
	Stride    int     // 0: 10
	Threshold float64 // below 1; 0: every Stride-th step is full
	Kernel    int     // odd; 0: 7; 1: no pooling, as in the paper's first version
	FirstHead bool    // only the first query head of a KV head votes, as in the paper's first version
}

const (
	defaultTopK          = 2048
	defaultStride        = 10
	defaultRecycleKernel = 7
)

func (p Recycled) filled() Recycled {
	if p.TopK == 0 {
		p.TopK = defaultTopK
	}
	if p.Stride == 0 {
		p.Stride = defaultStride
	}
	if p.Kernel == 0 {
		p.Kernel = defaultRecycleKernel
	}
	return p
}

// Check refuses sizes that cannot be.
func (p Recycled) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	switch {
	case p.TopK < 1:
		return fmt.Errorf("policy: Recycled: got TopK %d, want at least 1", p.TopK)
	case p.Stride < 1:
		return fmt.Errorf("policy: Recycled: got Stride %d, want at least 1", p.Stride)
	case !(p.Threshold >= 0 && p.Threshold < 1):
		return fmt.Errorf("policy: Recycled: got Threshold %v, want 0 or a cosine between 0 and 1", p.Threshold)
	case p.Kernel < 1 || p.Kernel%2 == 0:
		return fmt.Errorf("policy: Recycled: got Kernel %d, want an odd number", p.Kernel)
	}
	return nil
}

// Show shows everything in a full step and watches its last query; in others
// it shows the partial cache and the step's own row.
func (p Recycled) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	p = p.filled()
	last, ok := l.Memo.(*fullStep)
	if !ok || s.Prompt || len(s.Pos) != 1 || p.due(last, l, s) {
		return kvcache.Plan{Watch: 1 - s.Rest}
	}
	pick := make([][]int32, len(l.Heads))
	for h := range l.Heads {
		own := l.Heads[h].Len() - 1
		pick[h] = append(last.partial(h, own, p.TopK), int32(own))
	}
	return kvcache.Plan{Pick: pick}
}

// due reports whether the step that just added its row is a full one.
func (p Recycled) due(last *fullStep, l *kvcache.Layer, s kvcache.Step) bool {
	if (l.Heads[0].Len()-last.rows)%p.Stride != 0 {
		return false
	}
	// A cosine that is no number, of a query that is all zeros, is a full step.
	return p.Threshold == 0 || !(cosine(last.query, meanQuery(l, s)) > p.Threshold)
}

// Keep ranks the rows anew after a full step.
func (p Recycled) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	if seen == nil {
		return
	}
	p = p.filled()
	full := &fullStep{rows: l.Heads[0].Len()}
	if p.Threshold != 0 {
		full.query = meanQuery(l, s)
	}
	for h := range l.Heads {
		votes := seen.Mass[h*l.Group]
		if !p.FirstHead {
			votes = Most.reduce(l, seen, h)
		}
		votes = Max.pool(votes, p.Kernel)
		full.kept = append(full.kept, rank(votes, top(votes, p.TopK)))
	}
	l.Memo = full
}

// fullStep is what a layer remembers of its last full step. All that comes
// after follows from it and from the number of rows.
type fullStep struct {
	rows  int       // of each head then, the step's own included
	query []float32 // its last token's, as meanQuery; nil without a threshold
	kept  []ranked  // [NumKVHeads]
}

// ranked is a choice of slots and the order in which they leave.
type ranked struct {
	slot []int32 // ascending
	turn []int32 // how many of the others leave before this one
}

func rank(score []float32, slot []int32) ranked {
	order := slices.Clone(slot)
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(score[a], score[b]), cmp.Compare(b, a))
	})
	turn := make([]int32, len(slot))
	for i, s := range order {
		j, _ := slices.BinarySearch(slot, s)
		turn[j] = int32(i)
	}
	return ranked{slot: slot, turn: turn}
}

// partial returns the slots of head h's partial cache, ascending, when the
// head has got the given number of rows. There is room for one more.
func (f *fullStep) partial(h, rows, topK int) []int32 {
	kept := f.kept[h]
	size := len(kept.slot) + rows - f.rows
	over := max(0, size-topK)
	pick := make([]int32, 0, size-over+1)
	for j, s := range kept.slot {
		if int(kept.turn[j]) >= over {
			pick = append(pick, s)
		}
	}
	for s := f.rows + max(0, over-len(kept.slot)); s < rows; s++ {
		pick = append(pick, int32(s))
	}
	return pick
}

// meanQuery averages the rotated query of the step's last token over the heads
// of the layer.
func meanQuery(l *kvcache.Layer, s kvcache.Step) []float32 {
	heads, dim := len(l.Heads)*l.Group, l.Heads[0].Dim()
	mean := make([]float32, dim)
	for i, x := range s.Q[len(s.Q)-heads*dim:] {
		mean[i%dim] += x / float32(heads)
	}
	return mean
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		x, y := float64(x), float64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	return ab / math.Sqrt(aa*bb)
}
