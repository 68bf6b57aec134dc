package policy

import (
	"fmt"

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

	// PoolFirst pools the votes of each query head before they combine, as
	// kvpress does. It makes a difference with Max alone.
	PoolFirst bool
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
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the pooled votes for the rows before the observation window,
// and how many of them the budget has room for.
func (p SnapKV) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, []int) {
	if !s.Prompt || s.Rest > 0 || seen == nil {
		return nil, nil
	}
	p = p.filled()
	score := make([][]float32, len(l.Heads))
	for h := range score {
		score[h] = p.votes(l, seen, h)
	}
	return score, same(l, p.Budget-p.Observe)
}

// votes returns the pooled votes for the rows of KV head h before the window.
func (p SnapKV) votes(l *kvcache.Layer, seen *attention.Scores, h int) []float32 {
	past := max(0, l.Heads[h].Len()-p.Observe)
	votes := make([][]float32, l.Group)
	for g, mass := range group(l, seen, h) {
		if votes[g] = mass[:past]; p.PoolFirst {
			votes[g] = p.Pool.pool(l.Floats(past), mass[:past], p.Kernel)
		}
	}
	all := p.Group.combine(l.Floats(past), votes)
	if p.PoolFirst {
		return all
	}
	return p.Pool.pool(l.Floats(past), all, p.Kernel)
}

// group returns the attention that each query head of KV head h paid to the
// rows shown.
func group(l *kvcache.Layer, seen *attention.Scores, h int) [][]float32 {
	return seen.Mass[h*l.Group : (h+1)*l.Group]
}

// combine writes to dst the votes of query heads that see the same rows.
func (r Reduce) combine(dst []float32, votes [][]float32) []float32 {
	copy(dst, votes[0])
	for _, own := range votes[1:] {
		own = own[:len(dst)]
		if r == Most {
			for j, w := range dst {
				dst[j] = max(w, own[j])
			}
			continue
		}
		for j, w := range dst {
			dst[j] = w + own[j]
		}
	}
	if r == Mean {
		for j := range dst {
			dst[j] /= float32(len(votes))
		}
	}
	return dst
}
