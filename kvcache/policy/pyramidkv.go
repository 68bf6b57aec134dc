package policy

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// PyramidKV gives the lower layers more of the budget than the upper ones (Cai
// et al. 2024; code Zefan-Cai/KVCache-Factory): the rows that Scorer would keep
// beside its window, b in each layer, become 2b−⌊b/Beta⌋ in the first layer and
// fall by equal steps towards ⌊b/Beta⌋ in the last. The window comes on top.
// Which rows a layer keeps is the Scorer's choice.
//
// As in that code, a sequence shorter than 2b gets b in every layer, and steps
// are rounded down, so that the layers' mean may exceed the budget by up to
// half a row for each layer. Budgets follow the length of the sequence at the
// end of each prompt; other code freezes them at its first prompt. A model of
// one layer gets b, where the original divides by zero.
type PyramidKV struct {
	Scorer Scorer // nil: SnapKV{}
	Beta   int    // how much steeper than flat; 0: 20

	// ShareWindow has the layers share out the window's rows too, in real
	// numbers, rounded to even, as kvpress does: their mean is then the budget,
	// exactly. As there all layers have that where the last would get less than
	// its window.
	ShareWindow bool
}

const defaultBeta = 20

func (p PyramidKV) filled() PyramidKV {
	p.Scorer = scorer(p.Scorer)
	if p.Beta == 0 {
		p.Beta = defaultBeta
	}
	return p
}

// Check refuses a Beta below 1 and what the Scorer refuses.
func (p PyramidKV) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	if p.Beta < 0 {
		return fmt.Errorf("policy: PyramidKV: got Beta %d, want at least 1", p.Beta)
	}
	p = p.filled()
	if uneven(p.Scorer) {
		return fmt.Errorf("policy: PyramidKV: got a Scorer, %T, whose heads have budgets of their own; want it the other way round, with PyramidKV for its Scorer", p.Scorer)
	}
	return check(p.Scorer, shape, cfg)
}

// Show asks the Scorer.
func (p PyramidKV) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	return p.filled().Scorer.Show(l, s)
}

// Keep selects once the prompt is whole.
func (p PyramidKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the Scorer's scores and the layer's share of its budget.
func (p PyramidKV) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, []int) {
	p = p.filled()
	score, keep := p.Scorer.Rank(l, s, seen)
	// The sequence's length, unlike the number of rows, is one for all layers.
	length := int(s.Pos[len(s.Pos)-1]) + 1
	for h := range score {
		window := l.Heads[h].Len() - len(score[h])
		keep[h] = p.share(keep[h], length, window, l.Index, l.NumLayers)
	}
	return score, keep
}

// share returns what a layer keeps beside the window where b is the mean.
func (p PyramidKV) share(b, length, window, layer, numLayers int) int {
	past := length - window
	if p.ShareWindow {
		return p.shareAll(float64(b+window), past, window, layer, numLayers) - window
	}
	if length < 2*b || past <= b || numLayers == 1 {
		return b
	}
	first := min(2*b-b/p.Beta, past)
	last := 2*b - first
	// first ≥ b ≥ last, so that this division rounds down as the original's does.
	return first - layer*((first-last)/(numLayers-1))
}

// shareAll returns what a layer keeps, the window included, where mean is the
// mean and past rows are before the window.
func (p PyramidKV) shareAll(mean float64, past, window, layer, numLayers int) int {
	first := min(2*mean-mean/float64(p.Beta), float64(past))
	last := 2*mean - first
	if numLayers == 1 || first < last || last < float64(window) {
		return int(math.RoundToEven(mean))
	}
	step := (first - last) / float64(numLayers-1)
	return int(math.RoundToEven(first - float64(layer)*step))
}
