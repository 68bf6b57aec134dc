//go:build !amd64 || noasm || purego

package vec

func mulQ8_0(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ8_0Go(dst, ld, a, w, rows) }
func mulQ4_0(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ4_0Go(dst, ld, a, w, rows) }
func mulQ4_K(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ4_KGo(dst, ld, a, w, rows) }
func mulQ6_K(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ6_KGo(dst, ld, a, w, rows) }

func wideLen(n, cols int) int { return 0 }
