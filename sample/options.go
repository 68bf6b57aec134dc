package sample

import (
	"fmt"
	"math"
)

// Options say how tokens are chosen. The zero value is greedy: the token with the greatest logit.
type Options struct {
	// Temperature divides the logits of the tokens that the filters leave. 0 is greedy; the filters are then moot.
	Temperature float32
	// TopK keeps the TopK tokens with the greatest logits. 0 is off.
	TopK int
	// TopP keeps the smallest set of most probable tokens whose probabilities sum to TopP or more. 0 and 1 are off.
	TopP float32
	// MinP keeps the tokens at least MinP times as probable as the most probable one. 0 is off.
	MinP float32

	// RepeatPenalty divides the positive and multiplies the other logits of the tokens in the window. 0 and 1 are off.
	RepeatPenalty float32
	// PresencePenalty is subtracted from the logit of each token in the window.
	PresencePenalty float32
	// FrequencyPenalty is subtracted from a token's logit once for each time the token stands in the window.
	FrequencyPenalty float32
	// PenaltyWindow is how many of the tokens last accepted the penalties look at. 0 is 64, negative is all.
	PenaltyWindow int

	// Bias is added to the logits of the tokens named, and may be infinite: −Inf forbids a token, +Inf forces one.
	// New copies it. A token that the mask forbids stays forbidden.
	Bias map[int32]float32
	// Mask, if not nil, is called first in each Next with a copy of the logits, [vocab], and sets −Inf where a token may
	// not come. It must not keep the slice.
	Mask func(logits []float32)

	// Seed selects the random stream.
	Seed uint64
}

// validate returns an error that names the first field whose value makes no sense.
func (o *Options) validate() error {
	for _, f := range []struct {
		name  string
		value float32
		max   float32
	}{
		{"Temperature", o.Temperature, math.MaxFloat32},
		{"TopP", o.TopP, 1},
		{"MinP", o.MinP, 1},
		{"RepeatPenalty", o.RepeatPenalty, math.MaxFloat32},
		{"PresencePenalty", o.PresencePenalty, math.MaxFloat32},
		{"FrequencyPenalty", o.FrequencyPenalty, math.MaxFloat32},
	} {
		// Written so that NaN fails too.
		if !(f.value >= 0 && f.value <= f.max) {
			if f.max == 1 {
				return fmt.Errorf("sample: %s is %v, want 0 to 1", f.name, f.value)
			}
			return fmt.Errorf("sample: %s is %v, want a finite number that is not negative", f.name, f.value)
		}
	}
	if o.TopK < 0 {
		return fmt.Errorf("sample: TopK is %d, want 0 or more", o.TopK)
	}
	for id, b := range o.Bias {
		if id < 0 {
			return fmt.Errorf("sample: Bias names token %d, want 0 or more", id)
		}
		if b != b {
			return fmt.Errorf("sample: Bias of token %d is NaN", id)
		}
	}
	return nil
}

// penalizes reports whether any penalty is on.
func (o *Options) penalizes() bool {
	return o.RepeatPenalty != 1 || o.PresencePenalty != 0 || o.FrequencyPenalty != 0
}
