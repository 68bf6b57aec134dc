package vec

// SuperBlock is the number of values of a block of GGUF's k-quants, which have
// scales of their own scales.
const SuperBlock = 256

// The sizes in bytes of a super-block of weights.
//
// Q4_K: d and dmin as float16; eight scales and eight minimums of 6 bits in 12
// bytes (see scaleMin); 128 bytes of codes, of which each 32 hold a block of 32
// values in their low halves and the next one in their high ones. A value is
// d·scale·code − dmin·minimum.
//
// Q6_K: 128 bytes with the low 4 bits of the codes, 64 bytes with the high 2,
// sixteen int8 scales of 16 values each, d as float16. A value is
// d·scale·(code−32).
const (
	sizeQ4_K = 2 + 2 + 12 + SuperBlock/2
	sizeQ6_K = SuperBlock/2 + SuperBlock/4 + SuperBlock/16 + 2
)

// MulQ4_K multiplies quantized activations with weights in GGUF's q4_k:
// dst[q*ld+j] = a[q]·row j for q < a.N and j < rows, where w is [rows][a.Cols]
// without gaps and a.Cols a multiple of SuperBlock.
//
// With a's blocks of 32 ascending, each adds to the sum first the product of the
// codes, an exact integer, times d·scale (exact too) times a's scale, then takes
// off the sum of a's codes times dmin·minimum times a's scale.
func MulQ4_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if checkMul("MulQ4_K", dst, ld, a, w, rows, SuperBlock, sizeQ4_K) {
		mulQ4_K(dst, ld, a, w, rows)
	}
}

// MulQ6_K is MulQ4_K for q6_k. The product of the codes of a's block of 32, each
// half times its int8 scale, is an integer that a float32 holds; it is added
// times d times a's scale, with blocks ascending.
func MulQ6_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if checkMul("MulQ6_K", dst, ld, a, w, rows, SuperBlock, sizeQ6_K) {
		mulQ6_K(dst, ld, a, w, rows)
	}
}
