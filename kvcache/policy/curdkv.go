package policy

import (
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// CurDKV compresses at the end of each prompt to the rows with the largest
// leverage (Sengupta et al. 2025, arXiv 2509.15038; code NVIDIA kvpress, there
// CURPress): those that an approximate CUR decomposition of keys and values
// would choose. A row's share of its neighbourhood's squared lengths stands for
// its leverage, and its score is the product of that of its key and that of its
// value. What is generated afterwards is kept until the next prompt ends.
//
// A head's scores add up to 1, which decides what heads win under AdaKV. The
// first Sink rows stay, by construction. Where all values of a neighbourhood
// are zeros its scores are 0, where the original divides by zero. Keys and
// values count as the cache's format holds them. Equal scores: the lower
// position stays.
type CurDKV struct {
	Budget int // rows that survive, sinks included; 0: 1024
	Sink   int // 0: 4; negative: none
	Local  int // rows of a neighbourhood; 0: 16; negative: the whole head is one
}

const defaultLocal = 16

func (p CurDKV) filled() CurDKV {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	if p.Sink == 0 {
		p.Sink = min(defaultSink, p.Budget)
	}
	p.Sink = max(0, p.Sink)
	if p.Local == 0 {
		p.Local = defaultLocal
	}
	return p
}

// Check refuses sizes that cannot be.
func (p CurDKV) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	if p.Budget < 1 || p.Sink > p.Budget {
		return fmt.Errorf("policy: CurDKV: got Budget %d and Sink %d, want a budget of at least 1 and at most as many sinks", p.Budget, p.Sink)
	}
	return nil
}

// Show shows everything and watches nothing.
func (CurDKV) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan { return kvcache.Plan{} }

// Keep selects once the prompt is whole.
func (p CurDKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the products of the rows' leverages.
func (p CurDKV) Rank(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) ([][]float32, []int) {
	if !s.Prompt || s.Rest > 0 {
		return nil, nil
	}
	p = p.filled()
	score := make([][]float32, len(l.Heads))
	for h := range score {
		score[h] = p.leverage(l.Floats(l.Heads[h].Len()), l, &l.Heads[h])
		protect(score[h], p.Sink)
	}
	return score, same(l, p.Budget)
}

// leverage writes the scores of a head's rows to score.
func (p CurDKV) leverage(score []float32, l *kvcache.Layer, hd *kvcache.Head) []float32 {
	key, value := squares(l, hd)
	local := p.Local
	if local < 0 {
		local = len(score)
	}
	sum := 0.0
	for lo := 0; lo < len(score); lo += local {
		hi := min(lo+local, len(score))
		shares(key[lo:hi])
		shares(value[lo:hi])
		for j := lo; j < hi; j++ {
			key[j] *= value[j]
			sum += key[j]
		}
	}
	for j := range score {
		if score[j] = 0; sum > 0 {
			score[j] = float32(key[j] / sum)
		}
	}
	return score
}

// squares returns the squared lengths of a head's keys and values.
func squares(l *kvcache.Layer, hd *kvcache.Head) (key, value []float64) {
	rows, dim := hd.Len(), hd.Dim()
	key, value = make([]float64, rows), make([]float64, rows)
	k, v := l.Floats(kvcache.BlockRows*dim), l.Floats(kvcache.BlockRows*dim)
	for lo := 0; lo < rows; lo += kvcache.BlockRows {
		hi := min(lo+kvcache.BlockRows, rows)
		hd.Rows(k, v, lo, hi)
		for j := lo; j < hi; j++ {
			own, val := k[(j-lo)*dim:][:dim], v[(j-lo)*dim:][:dim]
			key[j], value[j] = dot(own, own), dot(val, val)
		}
	}
	return key, value
}

// shares scales x to a sum of 1, unless all of it is 0.
func shares(x []float64) {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	for j := range x {
		if sum > 0 {
			x[j] /= sum
		}
	}
}
