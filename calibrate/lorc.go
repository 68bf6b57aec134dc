package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"
)

// Pair is the low-rank correction of a stored weight Ŵ: W is about Ŵ + B·A.
type Pair struct {
	Rank int
	A    []float32 // [Rank][cols]
	B    []float32 // [rows][Rank]
}

// LoRC approximates the error of a stored weight by a product of thin matrices
// (ZeroQuant-V2, Yao et al. 2023, arXiv 2303.08302): E = W − Ŵ = U·Σ·Vᵀ, of
// which the Rank largest singular values are kept.
type LoRC struct {
	Rank int

	// Moments, if not nil, are those of the weight's input, by which Weighting
	// goes; nil: Plain.
	Moments   *Moments
	Weighting Weighting
}

// The subspace iteration of Halko, Martinsson and Tropp 2011, algorithm 4.4.
const (
	oversampling = 8
	powerSteps   = 3
)

// Approximate returns the pair for the error e [rows][cols]. It is
// deterministic.
func (l LoRC) Approximate(e []float32, rows, cols int) (Pair, error) {
	if len(e) != rows*cols || l.Rank < 1 || l.Moments != nil && l.Moments.Dim != cols {
		panic(fmt.Sprintf("calibrate: LoRC: got rank %d and %d values, want a rank of 1 or more for %d×%d, and moments of as many columns", l.Rank, len(e), rows, cols))
	}
	rank := min(l.Rank, rows, cols)
	weigher, err := newWeigher(l.Weighting, l.Moments)
	if err != nil {
		return Pair{}, fmt.Errorf("calibrate: LoRC: %w", err)
	}
	a := mat.NewDense(rows, cols, nil)
	a.Apply(func(r, d int, _ float64) float64 { return float64(e[r*cols+d]) }, a)
	weigher.times(a)
	q := rangeOf(a, min(rank+oversampling, rows, cols))
	var small mat.Dense // [rank+oversampling][cols]
	small.Mul(q.T(), a)
	s, u, v, err := svd(&small)
	if err != nil {
		return Pair{}, fmt.Errorf("calibrate: LoRC: %w", err)
	}
	var left mat.Dense // [rows][rank+oversampling]
	left.Mul(q, u)
	right := mat.DenseCopyOf(v.Slice(0, cols, 0, rank).T())
	right.Apply(func(k, _ int, x float64) float64 { return math.Sqrt(s[k]) * x }, right)
	weigher.over(right)
	p := Pair{Rank: rank, A: make([]float32, rank*cols), B: make([]float32, rows*rank)}
	for k := range rank {
		for d := range cols {
			p.A[k*cols+d] = float32(right.At(k, d))
		}
		for r := range rows {
			p.B[r*rank+k] = float32(math.Sqrt(s[k]) * left.At(r, k))
		}
	}
	return p, nil
}

// rangeOf returns n orthonormal columns whose span holds a's largest singular
// vectors.
func rangeOf(a *mat.Dense, n int) *mat.Dense {
	rows, cols := a.Dims()
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	start := mat.NewDense(cols, n, nil)
	start.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, start)
	var y, z mat.Dense
	y.Mul(a, start)
	q := orthonormal(&y)
	for range powerSteps {
		z.Mul(a.T(), q)
		y.Mul(a, orthonormal(&z))
		q = orthonormal(&y)
	}
	return q
}

// orthonormal returns an orthonormal basis of y's columns.
func orthonormal(y *mat.Dense) *mat.Dense {
	var qr mat.QR
	var q mat.Dense
	qr.Factorize(y)
	qr.QTo(&q)
	rows, n := y.Dims()
	return mat.DenseCopyOf(q.Slice(0, rows, 0, n))
}

// svd returns the thin singular value decomposition a = u·diag(s)·vᵀ.
func svd(a *mat.Dense) (s []float64, u, v *mat.Dense, err error) {
	ts, tu, tv, err := tensor.FromMat64(a, tensor.As(tensor.Float64)).SVD(true, false)
	if err != nil {
		return nil, nil, nil, err
	}
	if u, err = tensor.ToMat64(tu, tensor.UseUnsafe()); err != nil {
		return nil, nil, nil, err
	}
	if v, err = tensor.ToMat64(tv, tensor.UseUnsafe()); err != nil {
		return nil, nil, nil, err
	}
	return ts.Data().([]float64), u, v, nil
}
