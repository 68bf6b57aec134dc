package vec

import "fmt"

// Q16 is vectors as 16-bit integers, for exact products with bytes: [N][Cols]
// codes with a float32 scale for each vector. The scale is the vector's largest
// magnitude divided by 32639, a code the value times 32639/largest, rounded to
// the nearest integer, ties to even: what is lost is a 65000th of the largest
// value at most. A vector whose magnitudes are all below 2^-100 counts as zero.
// One with a NaN or an infinity has the scale NaN, as then every product.
//
// A Q16 is meant to be reused: Resize allocates only when it grows.
type Q16 struct {
	N, Cols int // set by Resize; Cols is a multiple of 4

	// A code is 256·high + low. High and low reach from -127 or -128 to 127.
	high, low []int8
	meta      []meta16 // [N]
}

// meta16 is what belongs to a vector besides its codes. The assembly knows the
// layout.
type meta16 struct {
	scale  float32
	offset int32 // minus 128 times the sum of the codes: what bytes plus 128 add too much
}

const (
	most16  = 127*256 + 127
	least16 = 0x1p-100
)

// Resize makes a hold [n][cols] values, which are undefined until quantized.
func (a *Q16) Resize(n, cols int) {
	if n < 0 || cols < 0 || cols%4 != 0 {
		panic(fmt.Sprintf("vec: Q16.Resize: got [%d][%d], want columns by fours", n, cols))
	}
	a.N, a.Cols = n, cols
	a.high, a.low, a.meta = Resize(a.high, n*cols), Resize(a.low, n*cols), Resize(a.meta, n)
}

// Quantize encodes the vectors x, which begin ld apart. If scales is not nil it
// is [Cols] float32, by which the values are multiplied first.
func (a *Q16) Quantize(x []float32, ld int, scales []byte) {
	if a.N == 0 || a.Cols == 0 {
		return
	}
	if a.N > 1 {
		want("Q16.Quantize", "ld", ld, a.Cols)
	}
	want("Q16.Quantize", "len(x)", len(x), span(a.N, ld, a.Cols))
	if scales != nil {
		want("Q16.Quantize", "len(scales)", len(scales), 4*a.Cols)
	}
	quantize16(a, x, ld, scales)
}

// HasFours reports whether bytes that lie by fours are multiplied faster than
// rows are.
func HasFours() bool { return hasFours() }

// DotFours multiplies vectors with n columns of bytes that lie by fours: w is
// [a.Cols/4][n][4], codes plus 128, of which column j stands for code ×
// scales[j], float32. It sets dst[q*ld+j] = a[q]·column j, the exact sum of
// products of codes times the scale of the column, times that of the vector.
// If next is not nil it is read soon, and a kernel fetches it meanwhile.
func DotFours(dst []float32, ld int, a *Q16, w, scales []byte, n int, next []byte) {
	if a.N == 0 || n <= 0 {
		return
	}
	if a.N > 1 {
		want("DotFours", "ld", ld, n)
	}
	want("DotFours", "len(dst)", len(dst), span(a.N, ld, n))
	want("DotFours", "len(w)", len(w), a.Cols*n)
	want("DotFours", "len(scales)", len(scales), 4*n)
	dotFours(dst, ld, a, w, scales, n, next)
}

// AddFours adds to dst[q*n+d] the exact sum of products of codes of a[q] with
// column d, times the scale of a[q], where w is as in DotFours.
func AddFours(dst []float32, a *Q16, w []byte, n int, next []byte) {
	if a.N == 0 || n <= 0 {
		return
	}
	want("AddFours", "len(dst)", len(dst), a.N*n)
	want("AddFours", "len(w)", len(w), a.Cols*n)
	addFours(dst, a, w, n, next)
}
