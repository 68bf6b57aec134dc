package sample

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// ErrNoToken is returned by [Sampler.Next] when every logit is −Inf or NaN, as when a mask forbids every token.
var ErrNoToken = errors.New("sample: no token to choose: every logit is -Inf or NaN")

// Sampler chooses the tokens of one sequence. It is not safe for concurrent use; clones are independent of each other
// but for the Mask function, which they share.
type Sampler struct {
	o       Options // RepeatPenalty is never 0; Bias is nil
	bias    []bias  // in order of id
	history history
	pcg     rand.PCG

	// Scratch, kept so that a step allocates nothing.
	logits     []float32
	candidates []candidate
	heap       []rank
}

type bias struct {
	id    int32
	value float32
}

// New returns a Sampler at the start of the stream that o.Seed selects, with nothing accepted yet. It returns an error
// that names the field if a number in o is negative, NaN or infinite, or if TopP or MinP exceeds 1. PenaltyWindow and
// the values of Bias may be negative, the latter infinite too.
func New(o Options) (*Sampler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Sampler{}
	for id, b := range o.Bias {
		s.bias = append(s.bias, bias{id, b})
	}
	slices.SortFunc(s.bias, func(a, b bias) int { return cmp.Compare(a.id, b.id) })
	o.Bias = nil
	if o.RepeatPenalty == 0 {
		o.RepeatPenalty = 1
	}
	if o.PenaltyWindow == 0 {
		o.PenaltyWindow = 64
	}
	s.o = o
	s.history.window = o.PenaltyWindow
	s.pcg.Seed(o.Seed, 0)
	return s, nil
}

// Accept appends tokens, of the prompt or generated, to the history that the penalties look at. Ids outside the
// vocabulary, such as placeholders for images, take their place in the window and are otherwise ignored.
func (s *Sampler) Accept(tokens ...int32) {
	if s.o.penalizes() {
		s.history.add(tokens)
	}
}

// Next chooses a token given its logits, [vocab], which it leaves as they are. It does not Accept the token: the caller
// does, so that a token may be thrown away. It returns −1 and an error if logits is empty, if Bias names a token that
// logits does not have, or, as [ErrNoToken], if every token is forbidden.
func (s *Sampler) Next(logits []float32) (int32, error) {
	if len(logits) == 0 {
		return -1, errors.New("sample: no logits")
	}
	if n := len(s.bias); n > 0 && int(s.bias[n-1].id) >= len(logits) {
		return -1, fmt.Errorf("sample: Bias names token %d, but there are %d logits", s.bias[n-1].id, len(logits))
	}
	logits = s.adjust(logits)
	best := argmax(logits)
	if best < 0 {
		return -1, ErrNoToken
	}
	if s.o.Temperature == 0 {
		return best, nil
	}
	return s.draw(logits, logits[best]), nil
}

// Clone returns a Sampler in the same state, which from here on has its own history and random stream: given the same
// logits, both choose the same tokens.
func (s *Sampler) Clone() *Sampler {
	return &Sampler{o: s.o, bias: s.bias, history: s.history.clone(), pcg: s.pcg}
}

// adjust returns logits after mask, bias and penalties: a copy, or logits itself if there is nothing to do.
func (s *Sampler) adjust(logits []float32) []float32 {
	if s.o.Mask == nil && len(s.bias) == 0 && !s.o.penalizes() {
		return logits
	}
	s.logits = append(s.logits[:0], logits...)
	if s.o.Mask != nil {
		s.o.Mask(s.logits)
	}
	for _, b := range s.bias {
		s.logits[b.id] += b.value
	}
	for _, t := range s.history.tallies {
		if t.id >= 0 && int(t.id) < len(s.logits) {
			s.logits[t.id] = s.penalize(s.logits[t.id], t.count)
		}
	}
	return s.logits
}

// penalize returns the logit x of a token that stands count times in the window. Its conversions round the products,
// which some platforms would otherwise fuse into the sums.
func (s *Sampler) penalize(x float32, count int32) float32 {
	if x > 0 {
		x /= s.o.RepeatPenalty
	} else {
		x = float32(x * s.o.RepeatPenalty)
	}
	return x - (float32(float32(count)*s.o.FrequencyPenalty) + s.o.PresencePenalty)
}

// argmax returns the first index of the greatest logit, or −1 if there is none above −Inf.
func argmax(logits []float32) int32 {
	best, max := int32(-1), float32(math.Inf(-1))
	for i, x := range logits {
		if x > max {
			best, max = int32(i), x
		}
	}
	return best
}

// draw samples from the tokens that the filters leave; max is the greatest logit.
func (s *Sampler) draw(logits []float32, max float32) int32 {
	s.candidates = s.topK(s.candidates[:0], logits)
	c := s.candidates
	if s.o.TopP > 0 && s.o.TopP < 1 || s.o.MinP > 0 {
		weigh(c, max, 1)
		c = s.topP(c, max)
		c = s.minP(c)
	}
	weigh(c, max, float64(s.o.Temperature))
	// What Rand.Float64 computes, written out so that it stays the same.
	u := float64(s.pcg.Uint64()<<11>>11) / (1 << 53)
	return pick(c, u)
}

// pick returns the id of the first candidate at which the cumulative weight exceeds u, in [0, 1), of the sum.
func pick(c []candidate, u float64) int32 {
	target := float64(u * sum(c))
	// It ends within c: the same additions gave the sum, and u·sum rounds below the sum for every u < 1.
	i := 0
	for acc := c[0].weight; acc <= target; acc += c[i].weight {
		i++
	}
	return c[i].id
}
