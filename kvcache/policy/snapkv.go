package policy

import (
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// SnapKV compresses at the end of each prompt: the last Observe rows stay, and
// of those before them the Budget−Observe rows to which the prompt's last
// Observe queries attend most, votes pooled over Kernel neighbours (Li et al.
// 2024; code FasterDecoding/SnapKV). What is generated afterwards is kept
// until the next prompt ends.
//
// Selection is per KV head, with the group's votes reduced before pooling; the
// original repeats the keys and stores a selection per query head, which
// undoes the saving of grouped-query models. The window is counted from the
// end of the whole prompt, however it was cut, and is kept by construction,
// not by a large score. Equal scores: the lower position stays.
type SnapKV struct {
	Budget  int // rows that survive; 0: 1024
	Observe int // 0: 32, or less under a small budget
	Kernel  int // odd; 0: 5
	Pool    Pool
	Group   Reduce
}

// Pool is how neighbouring votes are pooled.
type Pool int

// Average divides by the kernel size at the edges too, as zero padding does;
// Max takes the largest vote.
const (
	Average Pool = iota
	Max
)

// Reduce is how the votes of the query heads that share a KV head combine.
type Reduce int

// Mean ranks as the sum does; Most takes the largest.
const (
	Mean Reduce = iota
	Most
)

const (
	defaultBudget  = 1024
	defaultObserve = 32
	defaultKernel  = 5
)

func (p SnapKV) filled() SnapKV {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	if p.Observe == 0 {
		p.Observe = max(1, min(defaultObserve, p.Budget/2))
	}
	if p.Kernel == 0 {
		p.Kernel = defaultKernel
	}
	return p
}

// Check refuses sizes that cannot be.
func (p SnapKV) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	switch {
	case p.Budget < 1:
		return fmt.Errorf("policy: SnapKV: got Budget %d, want at least 1", p.Budget)
	case p.Observe < 1 || p.Observe > p.Budget:
		return fmt.Errorf("policy: SnapKV: got Observe %d, want 1 to the budget of %d", p.Observe, p.Budget)
	case p.Kernel < 1 || p.Kernel%2 == 0:
		return fmt.Errorf("policy: SnapKV: got Kernel %d, want an odd number", p.Kernel)
	case p.Pool < Average || p.Pool > Max:
		return fmt.Errorf("policy: SnapKV: got Pool %d, want Average or Max", p.Pool)
	case p.Group < Mean || p.Group > Most:
		return fmt.Errorf("policy: SnapKV: got Group %d, want Mean or Most", p.Group)
	}
	return nil
}

// Show watches the queries of the observation window.
func (p SnapKV) Show(_ *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	if !s.Prompt {
		return kvcache.Plan{}
	}
	return kvcache.Plan{Watch: p.filled().Observe - s.Rest}
}

// Keep selects once the prompt is whole.
func (p SnapKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, n := p.Rank(l, s, seen)
	keepRanked(l, score, n)
}

// Rank returns the pooled votes for the rows before the observation window,
// and how many of them the budget has room for.
func (p SnapKV) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, int) {
	if !s.Prompt || s.Rest > 0 || seen == nil {
		return nil, 0
	}
	p = p.filled()
	score := make([][]float32, len(l.Heads))
	for h := range score {
		past := max(0, l.Heads[h].Len()-p.Observe)
		score[h] = p.Pool.pool(p.Group.reduce(l, seen, h)[:past], p.Kernel)
	}
	return score, p.Budget - p.Observe
}

// reduce combines the attention that the query heads of KV head h paid to each
// row.
func (r Reduce) reduce(l *kvcache.Layer, seen *attention.Scores, h int) []float32 {
	return r.combine(seen.Mass[h*l.Group : (h+1)*l.Group])
}

// combine does so for any query heads that see the same rows.
func (r Reduce) combine(group [][]float32) []float32 {
	votes := slices.Clone(group[0])
	for _, mass := range group[1:] {
		for j, w := range mass {
			if r == Most {
				votes[j] = max(votes[j], w)
			} else {
				votes[j] += w
			}
		}
	}
	if r == Mean {
		for j := range votes {
			votes[j] /= float32(len(group))
		}
	}
	return votes
}
