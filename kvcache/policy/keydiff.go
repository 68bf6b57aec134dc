package policy

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// KeyDiff compresses at the end of each prompt by the keys alone: the rows
// stay whose keys differ most from the others (Park et al. 2025; code NVIDIA
// kvpress). The anchor of a head is the mean of its keys, each scaled to
// length 1; a row's score is −cos(key, anchor). What is generated afterwards
// is kept until the next prompt ends.
//
// No query is asked, so what stays does not depend on the question that
// follows. The original protects no rows; Sink and Recent may. Keys count as
// the cache's format holds them. Equal scores: the lower position stays.
type KeyDiff struct {
	Budget int // rows that survive; 0: 1024
	Sink   int // of these, first rows that stay in any case
	Recent int // of these, last rows that stay in any case
}

func (p KeyDiff) filled() KeyDiff {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	return p
}

// Check refuses sizes that cannot be.
func (p KeyDiff) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	switch {
	case p.Budget < 1:
		return fmt.Errorf("policy: KeyDiff: got Budget %d, want at least 1", p.Budget)
	case p.Sink < 0 || p.Recent < 0 || p.Sink > p.Budget || p.Recent > p.Budget-p.Sink:
		return fmt.Errorf("policy: KeyDiff: got Sink %d and Recent %d, want none below 0 and at most the budget of %d together", p.Sink, p.Recent, p.Budget)
	}
	return nil
}

// Show shows everything and watches nothing.
func (p KeyDiff) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan { return kvcache.Plan{} }

// Keep selects once the prompt is whole.
func (p KeyDiff) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns how far the keys before the last Recent rows are from the
// anchor of all keys.
func (p KeyDiff) Rank(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) ([][]float32, []int) {
	if !s.Prompt || s.Rest > 0 {
		return nil, nil
	}
	p = p.filled()
	score := make([][]float32, len(l.Heads))
	for h := range score {
		past := max(0, l.Heads[h].Len()-p.Recent)
		score[h] = keyDiff(l.Floats(l.Heads[h].Len()), &l.Heads[h])[:past]
		protect(score[h], p.Sink)
	}
	return score, same(l, p.Budget-p.Recent)
}

// keyDiff writes −cos(key, anchor) of each row of a head to score. A key of
// zeros has the cosine 0.
func keyDiff(score []float32, hd *kvcache.Head) []float32 {
	rows, dim := hd.Len(), hd.Dim()
	keys, norm := make([]float32, rows*dim), make([]float64, rows)
	hd.Rows(keys, nil, 0, rows)
	// The mean and the sum have the same direction.
	anchor := make([]float32, dim)
	sum := make([]float64, dim)
	for j := range rows {
		k := keys[j*dim:][:dim]
		if norm[j] = math.Sqrt(dot(k, k)); norm[j] > 0 {
			for d, x := range k {
				sum[d] += float64(x) / norm[j]
			}
		}
	}
	for d, x := range sum {
		anchor[d] = float32(x / float64(rows))
	}
	length := math.Sqrt(dot(anchor, anchor))
	for j := range rows {
		score[j] = 0
		if n := norm[j] * length; n > 0 {
			score[j] = float32(-dot(keys[j*dim:][:dim], anchor) / n)
		}
	}
	return score
}
