package vec

import "math"

// lanes is the number of partial sums that reductions form, by index modulo
// lanes, in plain Go as in assembly.
const lanes = 8

func sumLanes(s *[lanes]float32) float32 {
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

func maxGo(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

func expSumGo(x []float32, max float32) float32 {
	var s [lanes]float32
	for i := range x {
		e := exp(x[i] - max)
		x[i] = e
		s[i%lanes] += e
	}
	return sumLanes(&s)
}

// Constants of exp: 2^n × e^r with n the integer nearest to v/ln 2 and r = v -
// n ln 2, whose high part has few enough digits for n × ln2Hi to be exact; and
// the minimax polynomial of e^r on |r| ≤ ln 2 / 2 from Cephes (expf).
const (
	expMin = -104      // below, exp rounds to 0
	expMax = 88.722839 // above, exp overflows
	log2e  = 1.44269504088896341
	ln2Hi  = 0.693359375
	ln2Lo  = -2.12194440e-4
	exp2   = 5.0000001201e-1
	exp3   = 1.6666665459e-1
	exp4   = 4.1665795894e-2
	exp5   = 8.3334519073e-3
	exp6   = 1.3981999507e-3
	exp7   = 1.9875691500e-4
	round  = 0x1.8p23 // added and taken off again, it rounds to an integer
)

func exp(v float32) float32 {
	switch {
	case v != v:
		return v
	case v < expMin:
		return 0
	case v > expMax:
		return float32(math.Inf(1))
	}
	n := float32(float32(v*log2e)+round) - round
	r := v - n*ln2Hi
	r -= n * ln2Lo
	y := float32(exp7)
	y = y*r + exp6
	y = y*r + exp5
	y = y*r + exp4
	y = y*r + exp3
	y = y*r + exp2
	y = y*(r*r) + r + 1
	// In two steps, since 2^n itself may be subnormal or too large.
	half := int32(n) >> 1
	return y * pow2(half) * pow2(int32(n)-half)
}

func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

func scaleGo(x []float32, s float32) {
	for i := range x {
		x[i] *= s
	}
}

func addGo(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += x[i]
	}
}

func mulGo(dst, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] *= x[i]
	}
}

func sumSquaresGo(x []float32) float32 {
	var s [lanes]float32
	for i, v := range x {
		s[i%lanes] += v * v
	}
	return sumLanes(&s)
}

func sumAbsGo(x []float32) float32 {
	var s [lanes]float32
	for i, v := range x {
		s[i%lanes] += max(v, -v)
	}
	return sumLanes(&s)
}

// scaleMulGo sets dst = x × s × w, in this order.
func scaleMulGo(dst, x, w []float32, s float32) {
	x, w = x[:len(dst)], w[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * s * w[i]
	}
}

func transposeGo(dst, src []float32, rows, cols int) {
	for j := range rows {
		for d, v := range src[j*cols:][:cols] {
			dst[d*rows+j] = v
		}
	}
}

func siluMulGo(gate, up []float32) {
	up = up[:len(gate)]
	for i, v := range gate {
		gate[i] = v / (1 + exp(-v)) * up[i]
	}
}

func rotateHalvesGo(x, cos, sin []float32) {
	half := len(cos)
	a, b := x[:half], x[half:2*half]
	sin = sin[:half]
	for i, c := range cos {
		s := sin[i]
		a[i], b[i] = a[i]*c-b[i]*s, a[i]*s+b[i]*c
	}
}

func rotatePairsGo(x, cos, sin []float32) {
	sin = sin[:len(cos)]
	for i, c := range cos {
		s := sin[i]
		a, b := x[2*i], x[2*i+1]
		x[2*i], x[2*i+1] = a*c-b*s, a*s+b*c
	}
}
