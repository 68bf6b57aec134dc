package policy

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// CriticalKV weights another's scores by what a row can add to the layer's
// output (Feng et al. 2025; code NVIDIA kvpress). Of the rows that Scorer would
// keep, the share First stays for its scores alone; the others compete by
// (score + Epsilon)·n, where n is the mean over the group's query heads of
// ‖W_o·value‖₁.
//
// Over AdaKV the heads' budgets come from the scores as they are, which is
// kvpress's CriticalAdaKV. Values count as the cache's format holds them. Equal
// scores: the lower position stays.
type CriticalKV struct {
	Scorer  Scorer  // nil: SnapKV{}
	First   float64 // 0: 0.5; negative: none
	Epsilon float64 // 0: 0.0001; negative: none
}

const (
	defaultFirst           = 0.5
	defaultCriticalEpsilon = 1e-4
)

func (p CriticalKV) filled() CriticalKV {
	p.Scorer = scorer(p.Scorer)
	if p.First == 0 {
		p.First = defaultFirst
	}
	if p.Epsilon == 0 {
		p.Epsilon = defaultCriticalEpsilon
	}
	p.First, p.Epsilon = max(0, p.First), max(0, p.Epsilon)
	return p
}

// Check refuses a First above 1, a model whose output weights are not known,
// and what the Scorer refuses.
func (p CriticalKV) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	p = p.filled()
	switch {
	case !(p.First <= 1):
		return fmt.Errorf("policy: CriticalKV: got First %v, want at most 1", p.First)
	case !(p.Epsilon < math.MaxFloat32):
		return fmt.Errorf("policy: CriticalKV: got Epsilon %v, want a number", p.Epsilon)
	case shape != kvcache.Shape{} && cfg.Model == nil:
		return fmt.Errorf("policy: CriticalKV: wants a Config.Model to ask for the output weights")
	}
	return check(p.Scorer, shape, cfg)
}

// Show asks the Scorer.
func (p CriticalKV) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	return p.filled().Scorer.Show(l, s)
}

// Keep selects once the prompt is whole.
func (p CriticalKV) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank returns the Scorer's scores, weighted, and its budgets.
func (p CriticalKV) Rank(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) ([][]float32, []int) {
	p = p.filled()
	score, keep := p.Scorer.Rank(l, s, seen)
	for h, own := range score {
		if keep[h] >= len(own) {
			continue
		}
		first := top(l.Slots(len(own)), own, int(p.First*float64(keep[h])))
		norm := outputNorms(l.Floats(len(own)), l, h)
		for j := range own {
			own[j] = (own[j] + float32(p.Epsilon)) * norm[j]
		}
		for _, slot := range first {
			own[slot] = float32(math.Inf(1))
		}
	}
	return score, keep
}

// outputNorms writes to dst the mean over the query heads of KV head h of
// ‖W_o·v‖₁ for the values of its first rows.
func outputNorms(dst []float32, l *kvcache.Layer, h int) []float32 {
	hd, dim := &l.Heads[h], l.Heads[h].Dim()
	out := l.Weights.Output
	clear(dst)
	v := l.Floats(kvcache.BlockRows * dim)
	product := l.Floats(kvcache.BlockRows * out.Rows)
	for g := range l.Group {
		w := columns(out, (h*l.Group+g)*dim, dim)
		for lo := 0; lo < len(dst); lo += kvcache.BlockRows {
			n := min(kvcache.BlockRows, len(dst)-lo)
			hd.Rows(nil, v, lo, lo+n)
			var in quant.Input
			in.Set(v, n, dim)
			w.MulT(product, out.Rows, &in, 0, out.Rows)
			for j := range n {
				sum := 0.0
				for _, x := range product[j*out.Rows:][:out.Rows] {
					sum += math.Abs(float64(x))
				}
				dst[lo+j] += float32(sum / float64(l.Group))
			}
		}
	}
	return dst
}

// columns returns n columns of m as float32.
func columns(m quant.Matrix, lo, n int) quant.Matrix {
	row, part := make([]float32, m.Cols), make([]float32, 0, m.Rows*n)
	for r := range m.Rows {
		m.Decode(row, r, r+1)
		part = append(part, row[lo:lo+n]...)
	}
	return quant.Pack(quant.F32, part, m.Rows, n)
}
