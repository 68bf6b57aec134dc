package eval

import (
	"context"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/tokenizer"
)

// Loss is how badly a text was predicted.
type Loss struct {
	Nats  []float64 // −log p of each scored token
	Chars int       // Unicode code points of the scored text; 0 if the model has no tokenizer
	Bytes int       // its bytes; 0 as well
}

// TextLoss reads tokens in s, which may have read something before, and takes
// the loss on all but the prompt. With Reading{Prompt: 1, Whole: true} that is
// the plain perplexity of a text. Sums are in float64.
func TextLoss(ctx context.Context, s *winnow.Session, tokens []int32, o Reading) (Loss, error) {
	var l Loss
	err := walk(ctx, []*winnow.Session{s}, tokens, o, func(target int32, logits [][]float32) {
		l.add(s.Model().Tokenizer(), target, logits[0])
	})
	return l, err
}

// add scores a token. Of a character that is several tokens the first counts.
func (l *Loss) add(t *tokenizer.Tokenizer, target int32, logits []float32) {
	l.Nats = append(l.Nats, logSumExp(logits)-float64(logits[target]))
	if t == nil || t.IsEOG(target) || target == t.BOS() {
		return
	}
	text := t.Text(target)
	l.Bytes += len(text)
	for i := range len(text) {
		if utf8.RuneStart(text[i]) {
			l.Chars++
		}
	}
}

// Sum returns the loss of the scored tokens together, in nats.
func (l Loss) Sum() float64 {
	sum := 0.0
	for _, x := range l.Nats {
		sum += x
	}
	return sum
}

// Mean returns nats per token, NaN if none was scored.
func (l Loss) Mean() float64 { return l.Sum() / float64(len(l.Nats)) }

// Perplexity returns e to the mean loss of a token.
func (l Loss) Perplexity() float64 { return math.Exp(l.Mean()) }

// BitsPerChar returns the loss in bits for each Unicode code point of the text,
// which is comparable between tokenizers (Huang et al. 2024, arXiv 2404.09937).
func (l Loss) BitsPerChar() float64 { return l.Sum() / (float64(l.Chars) * math.Ln2) }

// BitsPerByte returns the loss in bits for each byte of the text.
func (l Loss) BitsPerByte() float64 { return l.Sum() / (float64(l.Bytes) * math.Ln2) }

// Against returns by how many nats a token this loss exceeds another of the
// same tokens. Tokens are taken for independent of each other.
func (l Loss) Against(base Loss) (Delta, error) {
	if len(l.Nats) != len(base.Nats) {
		return Delta{}, fmt.Errorf("eval: got losses of %d and %d tokens, want those of one text", len(l.Nats), len(base.Nats))
	}
	diff := make([]float64, len(l.Nats))
	for j, x := range l.Nats {
		diff[j] = x - base.Nats[j]
	}
	return delta(diff), nil
}

// logSumExp returns log Σ exp x.
func logSumExp(x []float32) float64 {
	peak := math.Inf(-1)
	for _, v := range x {
		peak = math.Max(peak, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - peak)
	}
	return peak + math.Log(sum)
}
