package vec

import "fmt"

// Block is the number of values that share a scale in Q8, q8_0 and q4_0.
const Block = 32

// The sizes in bytes of a block of Block weights in GGUF's formats: a float16
// scale, then the codes.
const (
	sizeQ8_0 = 2 + Block
	sizeQ4_0 = 2 + Block/2
)

// Q8 is activations as int8: [N][Cols] codes with a float32 scale per block of
// 32 values of a row. The scale is the block's largest magnitude divided by 127,
// a code the value times 127/largest, rounded to the nearest integer, ties to
// even. A block with a magnitude below 2^-120 at most counts as zero. A block
// with a NaN or an infinity has the scale NaN and codes of 0: every product with
// it is NaN.
//
// A Q8 is meant to be reused: Resize and Quantize allocate only when it grows.
type Q8 struct {
	N, Cols int // set by Resize; Cols is a multiple of Block

	codes []int8      // [N][Cols]
	wide  []int16     // the same, where the level's kernels want it
	meta  []blockMeta // [N][Cols/Block]

	derived
}

// blockMeta is what belongs to a block of activations besides its codes. The
// assembly knows the layout.
type blockMeta struct {
	scale  float32
	offset int32    // minus 128 times the sum of the codes: what weights plus 128 add too much
	pairs  [2]int16 // minus 8 times the sums of the pairs of codes 4i, 4i+1 and 4i+2, 4i+3
}

// Resize makes a hold [n][cols] values, which are undefined until quantized.
func (a *Q8) Resize(n, cols int) {
	if n < 0 || cols < 0 || cols%Block != 0 {
		panic(fmt.Sprintf("vec: Q8.Resize: got [%d][%d], want columns in blocks of %d", n, cols, Block))
	}
	a.N, a.Cols = n, cols
	a.codes = Resize(a.codes, n*cols)
	a.wide = Resize(a.wide, wideLen(n, cols))
	a.meta = Resize(a.meta, n*cols/Block)
	a.derived.reset()
}

// Quantize encodes rows lo to hi of x, [N][Cols]. Several goroutines may encode
// disjoint rows at once.
func (a *Q8) Quantize(x []float32, lo, hi int) {
	if lo < 0 || hi < lo || hi > a.N {
		panic(fmt.Sprintf("vec: Q8.Quantize: got rows %d to %d, want rows of %d", lo, hi, a.N))
	}
	want("Q8.Quantize", "len(x)", len(x), hi*a.Cols)
	a.derived.reset()
	if hi > lo && a.Cols > 0 {
		quantize(a, lo*a.Cols, x[lo*a.Cols:], (hi-lo)*a.Cols/Block)
	}
}

// QuantizeColumns encodes columns lo to hi, multiples of Block, of all rows, which
// are x, [N][hi-lo]. Several goroutines may encode disjoint columns at once.
func (a *Q8) QuantizeColumns(x []float32, lo, hi int) {
	if lo < 0 || hi < lo || hi > a.Cols || lo%Block != 0 || hi%Block != 0 {
		panic(fmt.Sprintf("vec: Q8.QuantizeColumns: got columns %d to %d, want columns of %d in blocks of %d", lo, hi, a.Cols, Block))
	}
	cols := hi - lo
	want("Q8.QuantizeColumns", "len(x)", len(x), a.N*cols)
	if cols == 0 {
		return
	}
	a.derived.reset()
	for q := range a.N {
		quantize(a, q*a.Cols+lo, x[q*cols:], cols/Block)
	}
}

// MulQ8_0 multiplies quantized activations with weights in GGUF's q8_0:
// dst[q*ld+j] = a[q]·row j for q < a.N and j < rows, where w is [rows][a.Cols]
// without gaps. The sum of products of the codes of a block is exact; the sum
// over the blocks, each times both scales, is a chain with blocks ascending.
func MulQ8_0(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if checkMul("MulQ8_0", dst, ld, a, w, rows, Block, sizeQ8_0) {
		mulQ8_0(dst, ld, a, w, rows)
	}
}

// MulQ4_0 is MulQ8_0 for q4_0, whose 16 bytes of codes hold the first 16 values
// in their low halves and the last 16 in their high ones, each plus 8.
func MulQ4_0(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if checkMul("MulQ4_0", dst, ld, a, w, rows, Block, sizeQ4_0) {
		mulQ4_0(dst, ld, a, w, rows)
	}
}

// checkMul checks the operands of a product with weights of which block columns
// take size bytes.
func checkMul(name string, dst []float32, ld int, a *Q8, w []byte, rows, block, size int) bool {
	if a.N == 0 || rows <= 0 {
		return false
	}
	if a.Cols%block != 0 {
		panic(fmt.Sprintf("vec: %s: got %d columns, want blocks of %d", name, a.Cols, block))
	}
	if a.N > 1 {
		want(name, "ld", ld, rows)
	}
	want(name, "len(dst)", len(dst), span(a.N, ld, rows))
	want(name, "len(w)", len(w), rows*(a.Cols/block)*size)
	return true
}

// Resize returns a slice of length n for values to come: s itself if it is large
// enough.
func Resize[T any](s []T, n int) []T {
	if n > cap(s) {
		return make([]T, n)
	}
	return s[:n]
}
