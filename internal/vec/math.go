package vec

import "math"

// Max returns the largest value of x, and -Inf if there is none. It passes over NaN.
func Max(x []float32) float32 { return maxF32(x) }

// ExpSum replaces x[i] by exp(x[i]-max) and returns the sum; exp(-Inf) is 0. The
// sum is formed in eight lanes, so that any number of -Inf after the last value
// changes neither it nor the values.
func ExpSum(x []float32, max float32) float32 { return expSum(x, max) }

// SumAbs returns the sum of the absolute values of x.
func SumAbs(x []float32) float32 { return sumAbs(x) }

// Scale multiplies x by s.
func Scale(x []float32, s float32) { scale(x, s) }

// Add adds x to dst.
func Add(dst, x []float32) {
	want("Add", "len(x)", len(x), len(dst))
	add(dst, x)
}

// Mul multiplies dst by x, element by element.
func Mul(dst, x []float32) {
	want("Mul", "len(x)", len(x), len(dst))
	mul(dst, x)
}

// Transpose sets dst [cols][rows] to src [rows][cols] by columns.
func Transpose(dst, src []float32, rows, cols int) {
	want("Transpose", "len(dst)", len(dst), rows*cols)
	want("Transpose", "len(src)", len(src), rows*cols)
	if rows > 0 && cols > 0 {
		transpose(dst, src, rows, cols)
	}
}

// RMSNorm sets dst[i] = x[i] × w[i] / sqrt(mean(x²) + eps), from Zhang and
// Sennrich (2019), equation 4. dst may be x.
func RMSNorm(dst, x, w []float32, eps float32) {
	want("RMSNorm", "len(x)", len(x), len(dst))
	want("RMSNorm", "len(w)", len(w), len(dst))
	x = x[:len(dst)]
	mean := sumSquares(x) / float32(max(len(x), 1))
	scaleMul(dst, x, w, float32(1/math.Sqrt(float64(mean+eps))))
}

// SiluMul sets gate[i] = silu(gate[i]) × up[i], where silu(v) = v / (1 + exp(-v)).
func SiluMul(gate, up []float32) {
	want("SiluMul", "len(up)", len(up), len(gate))
	siluMul(gate, up)
}

// Rotate turns the first rot channels of each head of x, [heads][dim], as a
// rotary position embedding does: the pair (i, i+rot/2), or (2i, 2i+1) if
// interleaved, by the angle whose cosine and sine are cos[i] and sin[i].
func Rotate(x []float32, cos, sin []float32, heads, dim, rot int, interleaved bool) {
	if heads <= 0 || rot <= 1 {
		return
	}
	want("Rotate", "dim", dim, rot)
	want("Rotate", "len(x)", len(x), heads*dim)
	want("Rotate", "len(cos)", len(cos), rot/2)
	want("Rotate", "len(sin)", len(sin), rot/2)
	cos, sin = cos[:rot/2], sin[:rot/2]
	for h := range heads {
		head := x[h*dim:][:rot/2*2]
		if interleaved {
			rotatePairs(head, cos, sin)
		} else {
			rotateHalves(head, cos, sin)
		}
	}
}
