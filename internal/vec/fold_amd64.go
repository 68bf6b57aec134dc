//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

func hasFold() bool { return level >= cpu.AVX512 }

func fold(f format, acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32, next []byte) {
	if !HasFold(foldRows, dim) {
		foldParts(f, acc, q, n, dim, k, v, s, most, sum)
		return
	}
	ahead := first(next, v)
	for t := 0; t < n; t += 3 {
		a, q, s, m, z := &acc[t*dim], &q[t*dim], &s[t*foldRows], &most[t], &sum[t]
		switch int(f)*4 + min(3, n-t) {
		case int(fmtF16)*4 + 1:
			foldF16x1AVX512(a, dim, q, &k[0], &v[0], s, m, z, ahead)
		case int(fmtF16)*4 + 2:
			foldF16x2AVX512(a, dim, q, &k[0], &v[0], s, m, z, ahead)
		case int(fmtF16)*4 + 3:
			foldF16x3AVX512(a, dim, q, &k[0], &v[0], s, m, z, ahead)
		case int(fmtBF16)*4 + 1:
			foldBF16x1AVX512(a, dim, q, &k[0], &v[0], s, m, z, ahead)
		case int(fmtBF16)*4 + 2:
			foldBF16x2AVX512(a, dim, q, &k[0], &v[0], s, m, z, ahead)
		case int(fmtBF16)*4 + 3:
			foldBF16x3AVX512(a, dim, q, &k[0], &v[0], s, m, z, ahead)
		}
	}
}
