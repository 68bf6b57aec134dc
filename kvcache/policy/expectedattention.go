package policy

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// ExpectedAttention compresses at the end of each prompt to the rows that
// queries yet to come are expected to attend to (NVIDIA kvpress). A query head's
// queries before rotation are taken to be normally distributed, with the mean
// and the covariance of those of the prompt; turned by the mean rotation of the
// next Future positions, they give each key the expectation of exp(q·k), whose
// softmax over the rows, averaged over the group, is a. A row's score is
// (a + Epsilon)·‖value‖. What is generated afterwards is kept until the next
// prompt ends.
//
// No attention weight is watched: moments of the queries are all that is
// gathered, of each prompt anew. The first Sink rows stay, by construction, and
// the queries at the first Sink positions do not count. Keys and values count
// as the cache's format holds them. Equal scores: the lower position stays.
type ExpectedAttention struct {
	Budget  int     // rows that survive, sinks included; 0: 1024
	Future  int     // 0: 512
	Sink    int     // 0: 4; negative: none
	Epsilon float64 // 0: 0.01, as on kvpress's leaderboard; negative: none, as kvpress's default

	MeanOnly bool // queries are taken to be their mean
	KeysOnly bool // scores are a, whatever the values are
}

const (
	defaultFuture  = 512
	defaultEpsilon = 0.01
)

func (p ExpectedAttention) filled() ExpectedAttention {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	if p.Future == 0 {
		p.Future = defaultFuture
	}
	if p.Sink == 0 {
		p.Sink = min(defaultSink, p.Budget)
	}
	if p.Epsilon == 0 {
		p.Epsilon = defaultEpsilon
	}
	p.Sink, p.Epsilon = max(0, p.Sink), max(0, p.Epsilon)
	return p
}

// Check refuses sizes that cannot be, and a model whose rotation is not known.
func (p ExpectedAttention) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	p = p.filled()
	switch {
	case p.Budget < 1 || p.Sink > p.Budget:
		return fmt.Errorf("policy: ExpectedAttention: got Budget %d and Sink %d, want a budget of at least 1 and at most as many sinks", p.Budget, p.Sink)
	case p.Future < 1:
		return fmt.Errorf("policy: ExpectedAttention: got Future %d, want at least 1", p.Future)
	case !(p.Epsilon < math.MaxFloat32):
		return fmt.Errorf("policy: ExpectedAttention: got Epsilon %v, want a number", p.Epsilon)
	case shape != kvcache.Shape{} && cfg.Model == nil:
		return fmt.Errorf("policy: ExpectedAttention: wants a Config.Model to ask how queries were rotated")
	}
	return nil
}

// Show shows everything and watches nothing.
func (ExpectedAttention) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan { return kvcache.Plan{} }

// Keep selects once the prompt is whole.
func (p ExpectedAttention) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank adds a tile's queries to the moments and, at the end of a prompt,
// returns what the rows are expected to be worth.
func (p ExpectedAttention) Rank(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) ([][]float32, []int) {
	if !s.Prompt {
		return nil, nil
	}
	p = p.filled()
	m, ok := l.Memo.(*moments)
	if !ok {
		m = newMoments(len(l.Heads)*l.Group, l.Heads[0].Dim(), !p.MeanOnly)
		l.Memo = m
	}
	m.add(l.Weights.Rope, s, int32(p.Sink))
	if s.Rest > 0 {
		return nil, nil
	}
	l.Memo = nil
	cos, sin := futureRotation(l.Weights.Rope, s.Pos[len(s.Pos)-1]+1, p.Future)
	score := make([][]float32, len(l.Heads))
	for h := range score {
		score[h] = l.Floats(l.Heads[h].Len())
		clear(score[h])
		for g := range l.Group {
			mean, cov := m.turned(h*l.Group+g, l.Weights.Rope, cos, sin)
			p.expect(score[h], l, h, mean, cov)
		}
		p.weigh(score[h], l, h)
		protect(score[h], p.Sink)
	}
	return score, same(l, p.Budget)
}

// expect adds to score the softmax of log E[exp(q·k/√D)] over the rows of KV
// head h after the sinks, for queries of this mean [D] and covariance [D][D],
// nil for none: mean·k/√D + kᵀ·cov·k/2D.
func (p ExpectedAttention) expect(score []float32, l *kvcache.Layer, h int, mean, cov []float32) {
	hd, dim := &l.Heads[h], l.Heads[h].Dim()
	scale := 1 / math.Sqrt(float64(dim))
	k, turn := l.Floats(kvcache.BlockRows*dim), l.Floats(kvcache.BlockRows*dim)
	var matrix quant.Matrix
	if cov != nil {
		matrix = quant.Pack(quant.F32, cov, dim, dim)
	}
	z, most := make([]float64, len(score)), math.Inf(-1)
	for lo := p.Sink; lo < len(score); lo += kvcache.BlockRows {
		n := min(kvcache.BlockRows, len(score)-lo)
		hd.Rows(k, nil, lo, lo+n)
		if cov != nil {
			var in quant.Input
			in.Set(k, n, dim)
			matrix.MulT(turn, dim, &in, 0, dim)
		}
		for j := range n {
			own := k[j*dim:][:dim]
			z[lo+j] = scale * dot(mean, own)
			if cov != nil {
				z[lo+j] += scale * scale / 2 * dot(turn[j*dim:][:dim], own)
			}
			most = max(most, z[lo+j])
		}
	}
	sum := 0.0
	for j := p.Sink; j < len(z); j++ {
		z[j] = math.Exp(z[j] - most)
		sum += z[j]
	}
	for j := p.Sink; j < len(z); j++ {
		score[j] += float32(z[j] / sum / float64(l.Group))
	}
}

// weigh multiplies scores by the lengths of the values.
func (p ExpectedAttention) weigh(score []float32, l *kvcache.Layer, h int) {
	if p.KeysOnly {
		return
	}
	for j, length := range valueLengths(l.Floats(len(score)), l, &l.Heads[h]) {
		score[j] = (score[j] + float32(p.Epsilon)) * length
	}
}

// valueLengths writes to dst the lengths of the values of a head's first rows.
func valueLengths(dst []float32, l *kvcache.Layer, hd *kvcache.Head) []float32 {
	v := l.Floats(kvcache.BlockRows * hd.Dim())
	for lo := 0; lo < len(dst); lo += kvcache.BlockRows {
		n := min(kvcache.BlockRows, len(dst)-lo)
		hd.Rows(nil, v, lo, lo+n)
		for j := range n {
			own := v[j*hd.Dim():][:hd.Dim()]
			dst[lo+j] = float32(math.Sqrt(dot(own, own)))
		}
	}
	return dst
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}
