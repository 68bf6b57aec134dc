package vec

import "math"

func softmaxGo(s []float32, ld, n int, most, sum, factor []float32) {
	for q, old := range most {
		row := s[q*ld:][:n]
		most[q] = max(old, maxGo(row))
		base := max(most[q], -math.MaxFloat32) // so that -Inf less it is -Inf
		factor[q] = exp(old - base)
		sum[q] = sum[q]*factor[q] + expSumGo(row, base)
	}
}

func mixGo(dst, x []float32, a, b float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = float32(dst[i]*a) + float32(x[i]*b)
	}
}
