package policy

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// Merge adds the rows that Policy drops at the end of a prompt to those that
// stay (LOOK-M, Wan et al. 2024; code SUSTechBruce/LOOK-M). Each dropped row e
// goes to the one row c of its head that stays and whose key is most similar by
// cosine. Keys are taken as they were rotated, whatever their positions. Rows
// that leave when tokens are generated are not merged, as published.
//
// The original's averaging pairs rows with others' targets by mistake; here it
// is the paper's formula. Of equally similar rows the lower position receives.
type Merge struct {
	Policy kvcache.Policy // what drops rows
	How    Merging

	// Filter leaves out rows that are like none, as the original's weighted
	// merge does: the n-th dropped row of each head goes in if the similarity
	// of the heads' n-th rows is, in the mean, at least that of all.
	Filter bool
}

// Merging is what becomes of a row c that m dropped rows e go to.
type Merging int

// The formulas are for keys, and alike for values; ValuesOnly leaves keys as
// they are.
const (
	Pivotal    Merging = iota // (c + Σ (e+c)/2) / (m+1), the paper's default
	Averaged                  // (c + Σ e) / (m+1)
	Weighted                  // (c + Σ cos·e) / (m+1)
	ValuesOnly                // (c + Σ w·e) / (1 + Σ w), w = max(cos, 0)·‖e‖/(‖e‖+‖c‖): kvpress's MergingPress
)

// Check refuses a Policy that nothing can be merged for, and what it refuses.
func (p Merge) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	if p.How < Pivotal || p.How > ValuesOnly {
		return fmt.Errorf("policy: Merge: got How %d, want Pivotal, Averaged, Weighted or ValuesOnly", p.How)
	}
	switch inner := p.Policy.(type) {
	case nil:
		return fmt.Errorf("policy: Merge: got no Policy, want one that drops rows")
	case Merge:
		return fmt.Errorf("policy: Merge: got another Merge to merge for")
	case kvcache.Rehearser:
		return fmt.Errorf("policy: Merge: got %T, which drops rows after the prompt, layers together", inner)
	case Recycled:
		if inner.Over == nil {
			return fmt.Errorf("policy: Merge: got a Recycled, which drops nothing")
		}
	}
	return check(p.Policy, shape, cfg)
}

// Show asks the Policy.
func (p Merge) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan { return p.Policy.Show(l, s) }

// Keep has the Policy drop rows, and merges what it dropped.
func (p Merge) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	if !s.Prompt || s.Rest > 0 {
		p.Policy.Keep(l, s, seen)
		return
	}
	before := make([]kvcache.Head, len(l.Heads))
	for h := range before {
		before[h] = l.Heads[h].Clone()
	}
	p.Policy.Keep(l, s, seen)
	moves := make([]moves, len(l.Heads))
	for h := range moves {
		moves[h] = nearest(&before[h], &l.Heads[h])
	}
	if p.Filter {
		filter(moves)
	}
	for h := range moves {
		p.apply(moves[h], &l.Heads[h])
	}
}

// apply merges the rows that left a head into those that stayed.
func (p Merge) apply(m moves, hd *kvcache.Head) {
	dim := hd.Dim()
	k, v := make([]float32, dim), make([]float32, dim)
	sums := make(map[int32]*merged)
	for i, to := range m.to {
		if to < 0 {
			continue
		}
		c := sums[to]
		if c == nil {
			c = newMerged(hd, to)
			sums[to] = c
		}
		m.from.Rows(k, v, int(m.slot[i]), int(m.slot[i])+1)
		c.add(p.How, k, v, m.cosine[i])
	}
	slots := make([]int32, 0, len(sums))
	var keys, values []float32
	for to := range int32(hd.Len()) {
		if c := sums[to]; c != nil {
			slots = append(slots, to)
			if p.How != ValuesOnly {
				c.k = c.mean(c.k, c.sumK)
			}
			keys, values = append(keys, c.k...), append(values, c.mean(c.v, c.sumV)...)
		}
	}
	hd.Replace(slots, keys, values)
}

// merged is a row that stays and the sums of what goes to it.
type merged struct {
	k, v       []float32
	sumK, sumV []float64
	weight     float64 // by which the sum is divided beside the row itself
}

func newMerged(hd *kvcache.Head, slot int32) *merged {
	dim := hd.Dim()
	c := &merged{k: make([]float32, dim), v: make([]float32, dim), sumK: make([]float64, dim), sumV: make([]float64, dim)}
	hd.Rows(c.k, c.v, int(slot), int(slot)+1)
	return c
}

func (c *merged) add(how Merging, k, v []float32, cosine float64) {
	weight, own := 1.0, 0.0
	c.weight++
	switch how {
	case Pivotal:
		weight, own = 0.5, 0.5
	case Weighted:
		weight = cosine
	case ValuesOnly:
		length, stays := math.Sqrt(dot(v, v)), math.Sqrt(dot(c.v, c.v))
		weight = max(cosine, 0) * length / (length + stays + 1e-6)
		c.weight += weight - 1
	}
	for d := range v {
		c.sumK[d] += weight*float64(k[d]) + own*float64(c.k[d])
		c.sumV[d] += weight*float64(v[d]) + own*float64(c.v[d])
	}
}

// mean returns (x + sum) / (1 + weight).
func (c *merged) mean(x []float32, sum []float64) []float32 {
	y := make([]float32, len(x))
	for d := range y {
		y[d] = float32((float64(x[d]) + sum[d]) / (1 + c.weight))
	}
	return y
}
