package policy

import (
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// TOVA keeps the Budget rows to which the last query attends most, averaged
// over all query heads of the layer: one selection for all its KV heads, at the
// end of a prompt and after each generated token (Oren et al. 2024; code
// schwartz-lab-NLP/TOVA).
//
// Nothing is protected: not the first rows, nor the last, so that a token may
// be dropped in the step that it came in, unless Recent says otherwise: other
// code has the last one stay (kvpress). A prompt's last token alone decides what
// stays of it. Heads whose rows differ, of a cache that another policy began,
// are cut each for itself. Equal weights: the lower position stays.
type TOVA struct {
	Budget int // 0: 1024
	Recent int // of these, last rows that stay in any case
}

func (p TOVA) budget() int {
	if p.Budget == 0 {
		return defaultBudget
	}
	return p.Budget
}

// Check refuses sizes that cannot be.
func (p TOVA) Check(kvcache.Shape, kvcache.Config) error {
	if p.Budget < 0 {
		return fmt.Errorf("policy: TOVA: got Budget %d, want at least 1", p.Budget)
	}
	if p.Recent < 0 || p.Recent > p.budget() {
		return fmt.Errorf("policy: TOVA: got Recent %d, want 0 to the budget of %d", p.Recent, p.budget())
	}
	return nil
}

// Show watches the last query of a prompt, and each generated one.
func (TOVA) Show(_ *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	if s.Rest > 0 {
		return kvcache.Plan{}
	}
	return kvcache.Plan{Watch: 1}
}

// Keep drops the rows with the least of the last query's attention.
func (p TOVA) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	if s.Rest > 0 || seen == nil {
		return
	}
	if aligned(l.Heads) {
		p.cut(l, l.Heads, seen.Mass)
		return
	}
	for h := range l.Heads {
		p.cut(l, l.Heads[h:h+1], group(l, seen, h))
	}
}

// cut drops what heads with the same rows have more than the budget.
func (p TOVA) cut(l *kvcache.Layer, heads []kvcache.Head, mass [][]float32) {
	if rows := heads[0].Len(); rows > p.budget() {
		score := Mean.combine(l.Floats(rows), mass)
		keepBest(l, heads, score[:rows-p.Recent], p.budget()-p.Recent)
	}
}

// aligned reports whether all heads hold the same positions.
func aligned(heads []kvcache.Head) bool {
	for h := range heads {
		if !slices.Equal(heads[h].Pos(), heads[0].Pos()) {
			return false
		}
	}
	return true
}
