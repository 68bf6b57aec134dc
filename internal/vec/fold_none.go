//go:build !amd64 || noasm || purego

package vec

func hasFold() bool { return false }

func fold(f format, acc, q []float32, n, dim int, k, v []byte, s, most, sum []float32, _ []byte) {
	foldParts(f, acc, q, n, dim, k, v, s, most, sum)
}
