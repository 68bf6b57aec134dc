package policy

import (
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

	// Safeguard keeps the share Floor of each head out of the competition
	// instead of mixing it in afterwards, as kvpress does: the layer's total is
	// then exact.
	Safeguard bool
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
	p = p.filled()
	if uneven(p.Scorer) {
		return fmt.Errorf("policy: AdaKV: got a Scorer, %T, whose heads have budgets of their own already", p.Scorer)
	}
	if alike(p.Scorer) {
		return fmt.Errorf("policy: AdaKV: got a Scorer, %T, that scores all heads alike; want LagKV with Cross, ChunkKV with PerHead", p.Scorer)
	}
	return check(p.Scorer, shape, cfg)
}

// Show asks the Scorer.
func (p AdaKV) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	return p.filled().Scorer.Show(l, s)
}

// Keep selects once the prompt is whole.
func (p AdaKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the Scorer's scores and each head's share of the layer's budget.
func (p AdaKV) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, []int) {
	p = p.filled()
	score, keep := p.Scorer.Rank(l, s, seen)
	rows, budget := 0, 0
	for h, own := range score {
		rows, budget = rows+len(own), budget+keep[h]
	}
	if l.Index < p.Skip || rows <= budget {
		return score, keep
	}
	rivals := score
	if p.Normalize {
		rivals = normalized(l, score, keep)
	}
	if p.Safeguard {
		return score, p.safeguard(l, rivals, keep)
	}
	for h, won := range compete(rivals, budget) {
		keep[h] = p.mix(won, keep[h])
	}
	return score, keep
}

// mix returns how many rows a head keeps that won some where it would have b.
func (p AdaKV) mix(won, b int) int {
	share := float32(won) * float32(1-p.Floor)
	return int(math.RoundToEven(float64(share + float32(math.Floor(float64(b)*p.Floor)))))
}

// normalized returns each head's scores times what the largest, as many as keep
// says, have of their sum. Rows that stay in any case do not count.
func normalized(l *kvcache.Layer, score [][]float32, keep []int) [][]float32 {
	out := make([][]float32, len(score))
	for h, own := range score {
		out[h] = l.Floats(len(own))
		copy(out[h], own)
		sorted := slices.DeleteFunc(slices.Clone(own), func(w float32) bool { return math.IsInf(float64(w), 1) })
		slices.Sort(sorted)
		n := keep[h] - (len(own) - len(sorted)) // rows left for the others
		var best, sum float32
		for j, w := range sorted {
			if sum += w; j >= len(sorted)-n {
				best += w
			}
		}
		if sum == 0 {
			continue
		}
		for j := range own {
			out[h][j] *= best / sum
		}
	}
	return out
}

// safeguard returns how many rows each head keeps when the share Floor of what
// it would have does not compete.
func (p AdaKV) safeguard(l *kvcache.Layer, score [][]float32, keep []int) []int {
	rest, rivals := 0, make([][]float32, len(score))
	for h, own := range score {
		sure := min(int(math.Floor(float64(keep[h])*p.Floor)), len(own))
		rest += keep[h] - sure
		keep[h] = sure
		best := top(l.Slots(len(own)), own, keep[h])
		rivals[h] = l.Floats(len(own))[:0]
		for j, w := range own {
			if len(best) > 0 && best[0] == int32(j) {
				best = best[1:]
				continue
			}
			rivals[h] = append(rivals[h], w)
		}
	}
	for h, won := range compete(rivals, rest) {
		keep[h] += won
	}
	return keep
}

// compete returns how many of the n largest scores each head has.
func compete(score [][]float32, n int) []int {
	won := make([]int, len(score))
	if n <= 0 {
		return won
	}
	least, ties := threshold(n, score...)
	longest := 0
	for h, own := range score {
		longest = max(longest, len(own))
		for _, w := range own {
			if order(w) > least {
				won[h]++
			}
		}
	}
	for j := 0; j < longest && ties > 0; j++ {
		for h, own := range score {
			if ties > 0 && j < len(own) && order(own[j]) == least {
				won[h]++
				ties--
			}
		}
	}
	return won
}
