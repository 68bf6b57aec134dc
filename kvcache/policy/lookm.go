package policy

import (
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// LookM compresses at the end of each prompt that has images in it, and prefers
// text (LOOK-M, Wan et al. 2024; code SUSTechBruce/LOOK-M). The last Recent rows
// stay, of those before them all text, and if that is fewer than Important, the
// rows of other kinds that all queries of the prompt together attended to most,
// up to that number. So text never leaves. Text is what has Step.Kind 0. What
// is generated afterwards is kept until the next such prompt ends.
//
// A cache that holds text alone is left as it is, as in the original. NoPrior
// is its variant without preference: of the rows before the recent ones the
// first four stay, and the best, whatever their kinds. Either drops rows; Merge
// over it adds what they held to those that stay, which the paper recommends.
//
// The original subtracts 65516 from images' sums in 16 bits, where most then
// tie; here the preference is a mask. It works per query head and with one query
// head per KV head only; here a group's weights are averaged. Equal sums: the
// lower position stays.
type LookM struct {
	Important int // rows before the recent ones, more if there is more text; 0: 512
	Recent    int // 0: 512
	NoPrior   bool
}

func (p LookM) filled() LookM {
	if p.Important == 0 {
		p.Important = defaultBudget / 2
	}
	if p.Recent == 0 {
		p.Recent = defaultBudget / 2
	}
	return p
}

// Check refuses negative sizes.
func (p LookM) Check(kvcache.Shape, kvcache.Config) error {
	if p.Important < 0 || p.Recent < 0 {
		return fmt.Errorf("policy: LookM: got Important %d and Recent %d, want at least 1", p.Important, p.Recent)
	}
	return nil
}

// Show watches every query of a prompt.
func (p LookM) Show(_ *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	if !s.Prompt {
		return kvcache.Plan{}
	}
	return kvcache.Plan{Watch: kvcache.All}
}

// Keep selects once the prompt is whole.
func (p LookM) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the sums of the attention to the rows before the recent ones,
// text being protected, and how many of them stay.
func (p LookM) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, []int) {
	if !s.Prompt || s.Rest > 0 || seen == nil {
		return nil, nil
	}
	p = p.filled()
	score, keep := make([][]float32, len(l.Heads)), same(l, p.Important)
	images := false
	for h := range score {
		hd := &l.Heads[h]
		past := max(0, hd.Len()-p.Recent)
		score[h] = Mean.combine(l.Floats(hd.Len()), group(l, seen, h))[:past]
		text := 0
		for j := range hd.Len() {
			switch {
			case hd.Kind(j) != 0:
				images = true
			case j < past && !p.NoPrior:
				protect(score[h][j:], 1)
				text++
			}
		}
		if p.NoPrior {
			protect(score[h], min(defaultSink, p.Important))
		}
		keep[h] = max(keep[h], text)
	}
	if !images && !p.NoPrior {
		return nil, nil
	}
	return score, keep
}
