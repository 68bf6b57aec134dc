package policy

import (
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// Random compresses at the end of each prompt to Budget rows a head, chosen by
// lot: what any other policy must beat. The lot of a row follows from Seed, the
// layer, the head and the row's position, so that the same rows stay however
// the prompt was cut. What is generated afterwards is kept until the next
// prompt ends.
//
// Nothing is protected but the last Recent rows, by default none, as in kvpress.
type Random struct {
	Budget int // rows that survive; 0: 1024
	Recent int // of these, last rows that stay in any case
	Seed   uint64
}

func (p Random) filled() Random {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	return p
}

// Check refuses sizes that cannot be.
func (p Random) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	if p.Budget < 1 || p.Recent < 0 || p.Recent > p.Budget {
		return fmt.Errorf("policy: Random: got Budget %d and Recent %d, want a budget of at least 1 and at most as many recent rows", p.Budget, p.Recent)
	}
	return nil
}

// Show shows everything and watches nothing.
func (Random) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan { return kvcache.Plan{} }

// Keep selects once the prompt is whole.
func (p Random) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the lots of the rows before the last Recent ones, from 0 to 1.
func (p Random) Rank(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) ([][]float32, []int) {
	if !s.Prompt || s.Rest > 0 {
		return nil, nil
	}
	p = p.filled()
	score := make([][]float32, len(l.Heads))
	for h := range score {
		past := max(0, l.Heads[h].Len()-p.Recent)
		score[h] = l.Floats(past)
		for j, pos := range l.Heads[h].Pos()[:past] {
			lot := mix64(mix64(mix64(p.Seed)+uint64(l.Index))+uint64(h)) + uint64(pos)
			score[h][j] = float32(mix64(lot)>>40) / (1 << 24)
		}
	}
	return score, same(l, p.Budget-p.Recent)
}

// mix64 is a step of SplitMix64 (Steele, Lea, Flood 2014): nearby numbers go
// far apart.
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
