package policy

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// ChunkKV has rows stay or leave by the chunk, so that what belongs together
// stays together (Liu et al. 2025, arXiv 2502.00299; code NVIDIA kvpress). The
// rows that Scorer ranks are cut into chunks of Length, and each row's score
// becomes the mean of its chunk's, over all heads of the layer, whose heads so
// choose alike.
//
// The original keeps whole chunks, as many as a share of their number; here
// the budget is exact, and of the chunk that does not fit the first rows stay.
// Rows that the Scorer has stay in any case do, alone, and do not count for
// their chunk. Chunks are counted from the first row that there is; heads whose
// rows differ choose each for itself. Of chunks with equal scores the lower
// one stays.
type ChunkKV struct {
	Scorer  Scorer // nil: SnapKV{}
	Length  int    // 0: 20
	PerHead bool   // each head chooses chunks of its own
}

const defaultLength = 20

func (p ChunkKV) filled() ChunkKV {
	p.Scorer = scorer(p.Scorer)
	if p.Length == 0 {
		p.Length = defaultLength
	}
	return p
}

// Check refuses a negative Length and what the Scorer refuses.
func (p ChunkKV) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	p = p.filled()
	if p.Length < 1 {
		return fmt.Errorf("policy: ChunkKV: got Length %d, want at least 1", p.Length)
	}
	if uneven(p.Scorer) {
		return fmt.Errorf("policy: ChunkKV: got a Scorer, %T, whose heads have budgets of their own; want it the other way round, with ChunkKV{PerHead: true} for its Scorer", p.Scorer)
	}
	return check(p.Scorer, shape, cfg)
}

// Show asks the Scorer.
func (p ChunkKV) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	return p.filled().Scorer.Show(l, s)
}

// Keep selects once the prompt is whole.
func (p ChunkKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the Scorer's scores, those of a chunk made equal, and its
// budgets.
func (p ChunkKV) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, []int) {
	p = p.filled()
	score, keep := p.Scorer.Rank(l, s, seen)
	if !p.PerHead && aligned(l.Heads) {
		p.level(score)
		return score, keep
	}
	for h := range score {
		p.level(score[h : h+1])
	}
	return score, keep
}

// level makes the scores of each chunk their mean over all heads.
func (p ChunkKV) level(score [][]float32) {
	if len(score) == 0 {
		return
	}
	for lo := 0; lo < len(score[0]); lo += p.Length {
		hi := min(lo+p.Length, len(score[0]))
		sum, n := 0.0, 0
		for _, own := range score {
			for _, w := range own[lo:hi] {
				if !math.IsInf(float64(w), 1) {
					sum += float64(w)
					n++
				}
			}
		}
		for _, own := range score {
			for j := lo; j < hi; j++ {
				if !math.IsInf(float64(own[j]), 1) {
					own[j] = float32(sum / float64(n))
				}
			}
		}
	}
}
