package cpu

// The levels of amd64.
const (
	AVX2   = SIMD + iota // AVX2, FMA and F16C
	AVX512               // AVX2 and AVX-512 F, BW, DQ, VL and VNNI
)

var words = []string{"go", "avx2", "avx512"}
