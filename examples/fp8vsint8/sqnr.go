package main

import (
	"math"
	"math/rand/v2"

	"github.com/winnowlm/winnow/quant"
)

// formats are what is compared, one scale for a matrix, a row (a channel of a
// weight, a token of activations, a cached row) or 32 columns.
var formats = [][]quant.Format{
	{quant.Int8Tensor, quant.FP8E4M3Tensor, quant.FP8E5M2Tensor},
	{quant.Int8, quant.FP8E4M3, quant.FP8E5M2},
	{quant.Int8Group, quant.FP8E4M3Group, quant.FP8E5M2Group},
}

var scopes = []string{"a matrix", "a row", "32 columns"}

// ratio adds up the energies of values and of their errors.
type ratio struct{ signal, noise float64 }

func (r ratio) dB() float64 { return 10 * math.Log10(r.signal/r.noise) }

// sqnr holds a ratio for each of the formats.
type sqnr [3][3]ratio

// add encodes and decodes x [rows][cols] in each format.
func (s *sqnr) add(x []float32, rows, cols int) {
	y := make([]float32, len(x))
	for i, scope := range formats {
		for j, f := range scope {
			quant.Pack(f, x, rows, cols).Decode(y, 0, rows)
			for k, v := range x {
				e := float64(v) - float64(y[k])
				s[i][j].signal += float64(v) * float64(v)
				s[i][j].noise += e * e
			}
		}
	}
}

// distribution is one of those that the paper on FP8 and INT8 argues with.
type distribution struct {
	name string
	draw func(r *rand.Rand, row, col int) float64
}

var distributions = []distribution{
	{"uniform", func(r *rand.Rand, _, _ int) float64 { return 2*r.Float64() - 1 }},
	{"Gaussian", func(r *rand.Rand, _, _ int) float64 { return r.NormFloat64() }},
	{"Laplace", func(r *rand.Rand, _, _ int) float64 { return r.ExpFloat64() * float64(2*r.IntN(2)-1) }},
	{"Student, 3 degrees", func(r *rand.Rand, _, _ int) float64 {
		square := 0.0
		for range 3 {
			z := r.NormFloat64()
			square += z * z
		}
		return r.NormFloat64() / math.Sqrt(square/3)
	}},
	{"Gaussian, 1 % of columns ×50", func(r *rand.Rand, _, col int) float64 {
		if col%100 == 7 {
			return 50 * r.NormFloat64()
		}
		return r.NormFloat64()
	}},
	{"Gaussian, 1 % of rows ×50", func(r *rand.Rand, row, _ int) float64 {
		if row%100 == 7 {
			return 50 * r.NormFloat64()
		}
		return r.NormFloat64()
	}},
}

// sampled returns the ratios of a distribution, on a matrix of 128 × 512.
func (d distribution) sampled() (s sqnr) {
	const rows, cols = 128, 512
	rng := rand.New(rand.NewPCG(8, 8))
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(d.draw(rng, i/cols, i%cols))
	}
	s.add(x, rows, cols)
	return s
}
