package policy

import (
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// H2O keeps the last Recent rows and, of those before them, the Heavy ones that
// gathered the most attention since they were cached (Zhang et al. 2023; code
// FMInference/H2O, the variant that really drops). A prompt is cut when it
// ends; after that one row leaves with each generated token. The sums live in
// the heads' score columns, so that they follow their rows.
//
// The original handles models with one query head per KV head only; here the
// weights of a group are averaged. Every query of a prompt is watched, which
// costs as much again as computing its logits, but no more memory: only the
// sums are kept. Sums are not divided by the number of queries that could see a
// row, so early rows are favoured, as published. Not taken over: sums that run
// over a whole batch, a row leaving the recent ones being hidden for a step,
// and choosing by queries yet to come. Equal sums: the lower position stays.
type H2O struct {
	Heavy  int // 0: 512
	Recent int // 0: 512
}

func (p H2O) filled() H2O {
	if p.Heavy == 0 {
		p.Heavy = defaultBudget / 2
	}
	if p.Recent == 0 {
		p.Recent = defaultBudget / 2
	}
	return p
}

// Check refuses negative sizes.
func (p H2O) Check(kvcache.Shape, kvcache.Config) error {
	if p.Heavy < 0 || p.Recent < 0 {
		return fmt.Errorf("policy: H2O: got Heavy %d and Recent %d, want at least 1", p.Heavy, p.Recent)
	}
	return nil
}

// Show watches every query.
func (H2O) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan {
	return kvcache.Plan{Watch: kvcache.All}
}

// Keep adds up, at the end of a prompt for all of it, and drops what exceeds
// the sizes.
func (p H2O) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	if s.Rest > 0 || seen == nil {
		return
	}
	p = p.filled()
	for h := range l.Heads {
		hd := &l.Heads[h]
		score := hd.Score()
		for _, mass := range group(l, seen, h) {
			for j, w := range mass {
				score[j] += w / float32(l.Group)
			}
		}
		keepBest(l, l.Heads[h:h+1], score[:max(0, hd.Len()-p.Recent)], p.Heavy)
	}
}
