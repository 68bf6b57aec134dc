//go:build (!amd64 && !arm64) || noasm || purego

package vec

func dot(f format, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	dotGo(f, dst, ld, x, n, w, stride, rows, cols)
}

func axpy(f format, dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	axpyGo(f, dst, p, ld, n, w, stride, rows, cols)
}
