//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

func softmax(s []float32, ld, n int, most, sum, factor []float32) {
	if level < cpu.NEON {
		softmaxGo(s, ld, n, most, sum, factor)
		return
	}
	softmaxSIMD(&s[0], ld, n, &most[0], &sum[0], &factor[0], len(most))
}
