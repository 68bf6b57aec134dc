package attention

import (
	"math"

	"github.com/winnowlm/winnow/internal/vec"
)

// Rope is rotary position embedding: pair i of a head's channels turns by
// position·Inv[i] (Su et al. 2021).
type Rope struct {
	Inv         []float64 // [Dim/2] angle per position
	Interleaved bool      // pairs are (2i, 2i+1), as in GGUF's llama; else (i, i+Dim/2), as in Hugging Face
}

// NewRope returns the angles theta^(−2i/dim) of the first dim channels, each
// divided by factors[i] where factors is not nil.
func NewRope(dim int, theta float64, factors []float32, interleaved bool) *Rope {
	r := &Rope{Inv: make([]float64, dim/2), Interleaved: interleaved}
	for i := range r.Inv {
		r.Inv[i] = math.Pow(theta, -float64(2*i)/float64(dim))
		if factors != nil {
			r.Inv[i] /= float64(factors[i])
		}
	}
	return r
}

// Dim returns the number of channels that turn.
func (r *Rope) Dim() int { return 2 * len(r.Inv) }

// Angles writes the cosines and sines of a position, [Dim/2] each.
func (r *Rope) Angles(cos, sin []float32, pos int32) {
	for i, inv := range r.Inv {
		s, c := math.Sincos(float64(pos) * inv)
		cos[i], sin[i] = float32(c), float32(s)
	}
}

// Rotate turns x, [heads][headDim], by the angles of one position.
func (r *Rope) Rotate(x, cos, sin []float32, heads, headDim int) {
	vec.Rotate(x, cos, sin, heads, headDim, r.Dim(), r.Interleaved)
}
