package cpu

// The levels of arm64.
const (
	NEON    = SIMD + iota // Advanced SIMD, which every processor has
	DotProd               // the dot products of bytes of ARMv8.2, SDOT
)

var words = []string{"go", "neon", "dotprod"}
