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
// sums are kept. Sums favour early rows, which more queries saw, as published;
// with PerQuery they do not. Not taken over: sums that run over a whole batch, a
// row leaving the recent ones being hidden for a step, and choosing by queries
// yet to come. Equal sums: the lower position stays.
type H2O struct {
	Heavy  int // 0: 512
	Recent int // 0: 512; negative: none

	// PerQuery divides a row's sum by the number of positions from its own to
	// the last: kvpress's ObservedAttention, which protects no recent rows.
	PerQuery bool
}

func (p H2O) filled() H2O {
	if p.Heavy == 0 {
		p.Heavy = defaultBudget / 2
	}
	if p.Recent == 0 {
		p.Recent = defaultBudget / 2
	}
	p.Recent = max(0, p.Recent)
	return p
}

// Check refuses a negative number of heavy rows.
func (p H2O) Check(kvcache.Shape, kvcache.Config) error {
	if p.Heavy < 0 {
		return fmt.Errorf("policy: H2O: got Heavy %d, want at least 1", p.Heavy)
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
		score = score[:max(0, hd.Len()-p.Recent)]
		if p.PerQuery {
			score = perQuery(l.Floats(len(score)), score, hd.Pos(), s.Pos[len(s.Pos)-1])
		}
		keepBest(l, l.Heads[h:h+1], score, p.Heavy)
	}
}

// perQuery writes to dst the sums of rows at these positions divided by the
// number of queries from there to the last.
func perQuery(dst, sum []float32, pos []int32, last int32) []float32 {
	for j, x := range sum {
		dst[j] = x / float32(last-pos[j]+1)
	}
	return dst
}
