package calibrate

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Weighting says which error LoRC makes small: with S·Sᵀ in place of the second
// moments H of the input, ‖(E − B·A)·S‖ in the Frobenius norm.
type Weighting int

const (
	// Whitened takes S·Sᵀ = H, with which that norm is the error of the output
	// itself: no pair of this rank errs less on the calibration text (Zhang et al.
	// 2024, QERA, arXiv 2410.06040, theorem 3).
	Whitened Weighting = iota

	// RMS takes the diagonal of H: each channel's root mean square, as if channels
	// did not go together (the same paper, its approximate form).
	RMS

	// Plain takes S = 1: the error of the weights, as ZeroQuant-V2 has it.
	Plain
)

// weigher is the factor S: a diagonal, or a lower triangle.
type weigher struct {
	scale []float64
	root  *mat.TriDense
}

func newWeigher(w Weighting, m *Moments) (weigher, error) {
	switch {
	case w < Whitened || w > Plain:
		panic(fmt.Sprintf("calibrate: Weighting: got %d, want Whitened, RMS or Plain", w))
	case m == nil || w == Plain:
		return weigher{}, nil
	case w == RMS:
		return weigher{scale: channels(m.RMS())}, nil
	}
	order := make([]int, m.Dim)
	for d := range order {
		order[d] = d
	}
	h, mean := m.damped(order, defaultDamping)
	if mean == 0 {
		return weigher{}, nil
	}
	var chol mat.Cholesky
	if !chol.Factorize(h) {
		return weigher{}, errors.New("the second moments of the input cannot be factored: more text is needed")
	}
	var root mat.TriDense
	chol.LTo(&root)
	return weigher{root: &root}, nil
}

// channels returns by what each column is multiplied. A channel that hardly
// ever speaks is held at a thousandth of the mean, so that A stays finite.
func channels(rms []float64) []float64 {
	s, mean := make([]float64, len(rms)), 0.0
	for _, v := range rms {
		mean += v / float64(len(rms))
	}
	for d, v := range rms {
		if s[d] = max(v, mean/1000); !(s[d] > 0) {
			s[d] = 1
		}
	}
	return s
}

// times sets a to a·S.
func (w weigher) times(a *mat.Dense) {
	if w.root != nil {
		blas64.Trmm(blas.Right, blas.NoTrans, 1, w.root.RawTriangular(), a.RawMatrix())
	} else if w.scale != nil {
		a.Apply(func(_, d int, v float64) float64 { return v * w.scale[d] }, a)
	}
}

// over sets a to a·S⁻¹.
func (w weigher) over(a *mat.Dense) {
	if w.root != nil {
		blas64.Trsm(blas.Right, blas.NoTrans, 1, w.root.RawTriangular(), a.RawMatrix())
	} else if w.scale != nil {
		a.Apply(func(_, d int, v float64) float64 { return v / w.scale[d] }, a)
	}
}
