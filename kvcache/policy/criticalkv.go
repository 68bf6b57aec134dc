package policy

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// CriticalKV weights another's scores by what a row can add to the layer's
// output (Feng et al. 2025; code NVIDIA kvpress). Of the rows that Scorer would
// keep, the share First stays for its scores alone; the others compete by
// (score + Epsilon)·n, where n is the mean over the group's query heads of
// ‖W_o·value‖₁.
//
// Over AdaKV the heads' budgets come from the scores as they are, which is
// kvpress's CriticalAdaKV. Values count as the cache's format holds them. Equal
// scores: the lower position stays.
type CriticalKV struct {
	Scorer  Scorer  // nil: SnapKV{}
	First   float64 // 0: 0.5; negative: none
	Epsilon float64 // 0: 0.0001; negative: none
}

const (
	defaultFirst           = 0.5
	defaultCriticalEpsilon = 1e-4
)

func (p CriticalKV) filled() CriticalKV {
	p.Scorer = scorer(p.Scorer)
	if p.First == 0 {
		p.First = defaultFirst
	}
	if p.Epsilon == 0 {
		p.Epsilon = defaultCriticalEpsilon
	}
	p.First, p.Epsilon = max(0, p.First), max(0, p.Epsilon)
	return p
}

// Check refuses a First above 1, a model whose output weights are not known,
// and what the Scorer refuses.
func (p CriticalKV) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	p = p.filled()
	switch {
	case !(p.First <= 1):
		return fmt.Errorf("policy: CriticalKV: got First %v, want at most 1", p.First)
	case !(p.Epsilon < math.MaxFloat32):
		return fmt.Errorf("policy: CriticalKV: got Epsilon %v, want a number", p.Epsilon)
	case shape != kvcache.Shape{} && cfg.Model == nil:
		return fmt.Errorf("policy: CriticalKV: wants a Config.Model to ask for the output weights")
	}
	return check(p.Scorer, shape, cfg)
}

// Show asks the Scorer.
func (p CriticalKV) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	return p.filled().Scorer.Show(l, s)
}

// Keep selects once the prompt is whole, as Rank's scores would, but weighs only
// rows that may stay.
func (p CriticalKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	p = p.filled()
	score, keep := p.Scorer.Rank(l, s, seen)
	p.weigh(l, score, keep, false)
	keepRanked(l, score, keep)
}

// Rank returns the Scorer's scores, weighted, and its budgets.
func (p CriticalKV) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, []int) {
	p = p.filled()
	score, keep := p.Scorer.Rank(l, s, seen)
	p.weigh(l, score, keep, true)
	return score, keep
}

// weigh weights the scores of heads that are to lose rows: all of them, or those
// of the rows that can be among the best.
func (p CriticalKV) weigh(l *kvcache.Layer, score [][]float32, keep []int, all bool) {
	var o *output
	for h, own := range score {
		if keep[h] >= len(own) {
			continue
		}
		if o == nil {
			o = newOutput(l)
		}
		for _, slot := range top(l.Slots(len(own)), own, int(p.First*float64(keep[h]))) {
			own[slot] = float32(math.Inf(1))
		}
		rows, seats := l.Slots(len(own))[:0], keep[h] // that compete, and for how many places
		for j, w := range own {
			if math.IsInf(float64(w), 1) {
				seats--
				continue
			}
			own[j] = w + float32(p.Epsilon)
			rows = append(rows, int32(j))
		}
		if all {
			seats = len(rows)
		}
		o.weigh(own, h, rows, seats)
	}
}
