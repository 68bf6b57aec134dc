package eval

import (
	"context"
	"math"
	"slices"

	"github.com/winnowlm/winnow"
)

// Distance is how far the predictions of one session are from another's.
type Distance struct {
	KL              []float64 // Σ p log(p/q) of each predicted token in nats, p being the reference's
	Same            int       // tokens for which both prefer the same continuation
	Reference, Test Loss      // of the text that was read
}

// Divergence reads tokens in two sessions side by side and compares their
// logits on all but the prompt. The sessions may differ in policy, in formats,
// and in their models if these have one vocabulary.
func Divergence(ctx context.Context, reference, test *winnow.Session, tokens []int32, o Reading) (Distance, error) {
	var d Distance
	err := walk(ctx, []*winnow.Session{reference, test}, tokens, o, func(target int32, logits [][]float32) {
		p, q := logits[0], logits[1]
		d.KL = append(d.KL, kl(p, q))
		if argmax(p) == argmax(q) {
			d.Same++
		}
		d.Reference.add(reference.Model().Tokenizer(), target, p)
		d.Test.add(test.Model().Tokenizer(), target, q)
	})
	return d, err
}

// Mean returns the mean divergence of a token in nats, NaN if there was none.
func (d Distance) Mean() float64 {
	sum := 0.0
	for _, x := range d.KL {
		sum += x
	}
	return sum / float64(len(d.KL))
}

// Quantile returns the divergence that a share of the tokens does not exceed: 1
// is the largest, 0.5 the median. It is NaN if no token was predicted.
func (d Distance) Quantile(share float64) float64 {
	if len(d.KL) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(d.KL))
	at := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[max(0, min(at, len(sorted)-1))]
}

// Agreement returns the share of tokens for which both prefer the same
// continuation.
func (d Distance) Agreement() Mean {
	return binomial(float64(d.Same)/float64(len(d.KL)), len(d.KL))
}

// kl returns the divergence of softmax(q) from softmax(p) in nats.
func kl(p, q []float32) float64 {
	zp, zq := logSumExp(p), logSumExp(q)
	sum := 0.0
	for i := range p {
		lp, lq := float64(p[i])-zp, float64(q[i])-zq
		if weight := math.Exp(lp); weight > 0 {
			sum += weight * (lp - lq)
		}
	}
	return max(0, sum) // rounding alone makes it negative
}

// argmax returns the index of the largest, the first of several.
func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
