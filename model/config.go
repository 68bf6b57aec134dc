package model

import (
	"fmt"
	"math"
)

// Config holds the hyperparameters, under their Hugging Face names.
type Config struct {
	Architecture                    string // "llama", "qwen2", "qwen3"
	HiddenSize, IntermediateSize    int
	NumLayers, NumHeads, NumKVHeads int
	HeadDim                         int
	VocabSize                       int
	MaxPositions                    int // the context it was trained for
	RMSNormEps                      float32
	SlidingWindow                   int // positions a query sees; 0: all
	QKVBias                         bool
	QKNorm                          bool

	RopeTheta       float64
	RopeDim         int  // channels of a head that turn
	RopeInterleaved bool // pairs (2i, 2i+1), as GGUF's llama stores them
	RopeScaling     RopeScaling
}

// RopeScaling stretches the positions. The zero value does not.
type RopeScaling struct {
	Type                 string // "linear", "llama3"
	Factor               float64
	LowFreq, HighFreq    float64 // llama3
	OriginalMaxPositions float64 // llama3

}

// bounds of what a file may claim; they keep sizes computable and are far above
// any model there is.
const (
	maxDim       = 1 << 20
	maxVocab     = 1 << 24
	maxLayers    = 1 << 12
	maxPositions = math.MaxInt32 / 2
)

// Check returns an error that names the first field whose value cannot be.
func (c Config) Check() error {
	for _, f := range []struct {
		name     string
		got, max int
	}{
		{"hidden size", c.HiddenSize, maxDim}, {"intermediate size", c.IntermediateSize, maxDim},
		{"number of layers", c.NumLayers, maxLayers}, {"number of heads", c.NumHeads, maxDim},
		{"number of KV heads", c.NumKVHeads, maxDim}, {"head dimension", c.HeadDim, maxDim},
		{"vocabulary size", c.VocabSize, maxVocab}, {"context length", c.MaxPositions, maxPositions},
	} {
		if f.got < 1 || f.got > f.max {
			return fmt.Errorf("model: %s is %d, want 1 to %d", f.name, f.got, f.max)
		}
	}
	switch {
	case c.NumHeads%c.NumKVHeads != 0:
		return fmt.Errorf("model: %d heads over %d KV heads, want a multiple", c.NumHeads, c.NumKVHeads)
	case c.NumHeads > maxDim/c.HeadDim:
		return fmt.Errorf("model: %d heads of %d, want at most %d channels", c.NumHeads, c.HeadDim, maxDim)
	case c.RopeDim < 2 || c.RopeDim%2 != 0 || c.RopeDim > c.HeadDim:
		return fmt.Errorf("model: %d rotated channels, want an even number from 2 to the head dimension of %d", c.RopeDim, c.HeadDim)
	case !(c.RMSNormEps >= 0) || math.IsInf(float64(c.RMSNormEps), 0):
		return fmt.Errorf("model: norm epsilon is %v, want a finite number that is not negative", c.RMSNormEps)
	case !(c.RopeTheta > 0) || math.IsInf(c.RopeTheta, 0):
		return fmt.Errorf("model: rope theta is %v, want a finite number above 0", c.RopeTheta)
	case c.SlidingWindow < 0 || c.SlidingWindow > maxPositions:
		return fmt.Errorf("model: sliding window is %d, want 0 to %d", c.SlidingWindow, maxPositions)
	}
	return c.RopeScaling.check()
}

func (r RopeScaling) check() error {
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
	switch r.Type {
	case "":
		return nil
	case "linear":
		if positive(r.Factor) {
			return nil
		}
	case "llama3":
		if positive(r.Factor) && positive(r.LowFreq) && positive(r.OriginalMaxPositions) && positive(r.HighFreq-r.LowFreq) {
			return nil
		}
	default:
		return fmt.Errorf("model: %w: rope scaling %q, want linear or llama3", ErrUnsupported, r.Type)
	}
	return fmt.Errorf("model: rope scaling %s has factor %v, low %v, high %v, original context %v", r.Type, r.Factor, r.LowFreq, r.HighFreq, r.OriginalMaxPositions)
}

// factors returns by what the frequency of each pair of channels is divided,
// nil for 1. The llama3 rule is that of Hugging Face's modeling_rope_utils.
func (r RopeScaling) factors(dim int, theta float64) []float32 {
	if r.Type == "" {
		return nil
	}
	f := make([]float32, dim/2)
	for i := range f {
		f[i] = float32(r.Factor)
		if r.Type != "llama3" {
			continue
		}
		wavelength := 2 * math.Pi * math.Pow(theta, float64(2*i)/float64(dim))
		switch turns := r.OriginalMaxPositions / wavelength; {
		case turns > r.HighFreq:
			f[i] = 1
		case turns >= r.LowFreq:
			smooth := (turns - r.LowFreq) / (r.HighFreq - r.LowFreq)
			f[i] = float32(1 / ((1-smooth)/r.Factor + smooth))
		}
	}
	return f
}
