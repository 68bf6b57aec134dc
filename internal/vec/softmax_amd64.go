//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

func softmax(s []float32, ld, n int, most, sum, factor []float32) {
	switch {
	case level >= cpu.AVX512:
		softmaxAVX512(&s[0], ld, n, &most[0], &sum[0], &factor[0], len(most))
	case level >= cpu.AVX2:
		softmaxSIMD(&s[0], ld, n, &most[0], &sum[0], &factor[0], len(most))
	default:
		softmaxGo(s, ld, n, most, sum, factor)
	}
}
