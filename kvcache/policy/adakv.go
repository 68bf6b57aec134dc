package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// AdaKV lets the heads of a layer compete for its budget (Feng et al. 2024;
// code FFY0/AdaKV): of the Scorer's b rows a head, times the number of heads,
// the largest scores of all heads together decide how many each gets. A head is
// sure of the share Floor of b and gets 1−Floor of what it won; its window
// stays in any case. Heads end up of different lengths, and the rows that lost
// are really freed.
//
// The mix is rounded to even in float32 and Floor's share down, as in that
// code, so that a layer may keep a row or so a head less than its budget, or
// half a row a head more.
// Heads that all fit are left alone, where the original may lose a row to
// rounding. Later prompts are compressed too. Heads are KV heads, not
// query heads with repeated keys. Equal scores: the lower slot stays, then the
// lower head.
type AdaKV struct {
	Scorer    Scorer  // nil: SnapKV{}
	Floor     float64 // 0: 0.2; negative: none
	Normalize bool    // weight a head's scores by the share that its own best b rows have of their sum
	Skip      int     // first layers whose heads do not compete
}

const defaultFloor = 0.2

func (p AdaKV) filled() AdaKV {
	p.Scorer = scorer(p.Scorer)
	if p.Floor == 0 {
		p.Floor = defaultFloor
	}
	p.Floor = max(0, p.Floor)
	return p
}

// Check refuses a Floor above 1, a negative Skip and what the Scorer refuses.
func (p AdaKV) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	switch {
	case !(p.Floor <= 1):
		return fmt.Errorf("policy: AdaKV: got Floor %g, want at most 1", p.Floor)
	case p.Skip < 0:
		return fmt.Errorf("policy: AdaKV: got Skip %d, want at least 0", p.Skip)
	}
	return checkScorer(p.filled().Scorer, shape, cfg)
}

// Show asks the Scorer.
func (p AdaKV) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	return p.filled().Scorer.Show(l, s)
}

// Keep selects once the prompt is whole.
func (p AdaKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	p = p.filled()
	score, b := p.Scorer.Rank(l, s, seen)
	if l.Index < p.Skip {
		keepRanked(l, score, b)
		return
	}
	rows := 0
	for _, own := range score {
		rows += len(own)
	}
	if rows <= b*len(score) {
		return
	}
	if p.Normalize {
		normalize(score, b)
	}
	for h, won := range compete(score, b*len(score)) {
		keepBest(l.Heads[h:h+1], score[h], p.mix(won, b))
	}
}

// mix returns how many rows a head keeps that won some where b is the mean.
func (p AdaKV) mix(won, b int) int {
	share := float32(won) * float32(1-p.Floor)
	return int(math.RoundToEven(float64(share + float32(math.Floor(float64(b)*p.Floor)))))
}

// normalize scales each head's scores by what its b largest have of their sum.
func normalize(score [][]float32, b int) {
	for _, own := range score {
		var best, sum float32
		sorted := slices.Clone(own)
		slices.Sort(sorted)
		for j, w := range sorted {
			if sum += w; j >= len(sorted)-b {
				best += w
			}
		}
		if sum == 0 {
			continue
		}
		for j := range own {
			own[j] *= best / sum
		}
	}
}

// compete returns how many of the n largest scores each head has.
func compete(score [][]float32, n int) []int {
	won := make([]int, len(score))
	if n == 0 {
		return won
	}
	all := slices.Concat(score...)
	slices.Sort(all)
	least := all[len(all)-n]
	for h, own := range score {
		for _, w := range own {
			if cmp.Compare(w, least) > 0 {
				won[h]++
				n--
			}
		}
	}
	for j := 0; n > 0; j++ {
		for h, own := range score {
			if n > 0 && j < len(own) && cmp.Compare(own[j], least) == 0 {
				won[h]++
				n--
			}
		}
	}
	return won
}
