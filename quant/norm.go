package quant

import "github.com/winnowlm/winnow/internal/vec"

// Norm1 returns ‖x‖₁, of a row that a product made.
func Norm1(x []float32) float32 { return vec.SumAbs(x) }
