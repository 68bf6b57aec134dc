//go:build (!amd64 && !arm64) || noasm || purego

package vec

func hasFours() bool { return false }

func quantize16(a *Q16, x []float32, ld int, scales []byte) { quantize16Go(a, x, ld, scales) }

func dotFours(dst []float32, ld int, a *Q16, w, scales []byte, n int, next []byte) {
	dotFoursGo(dst, ld, a, w, scales, n)
}

func addFours(dst []float32, a *Q16, w []byte, n int, next []byte) { addFoursGo(dst, a, w, n) }
