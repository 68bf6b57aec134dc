//go:build !noasm && !purego

package vec

import "unsafe"

// superFew is the number of tokens up to which rows of k-quants are multiplied as
// they stand.
const superFew = 3

// superGemv is the scratch of a product of rows as they stand.
type superGemv struct {
	mins []float32 // [4][n][groups] of the rows that were just multiplied
	less []float32 // [4][n]
}

// gemvSupers takes a token at a time of 4 rows that are a quarter of all apart,
// for the reason that gemvVNNI does. The last rows are computed twice where they
// do not divide by 4.
func (p *superPanel) gemvSupers(q6 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	quarter := rows / streams
	p.quarter(q6, dst, ld, a, w, 0, quarter)
	if rest := rows - streams; rest > streams*(quarter-1) {
		p.quarter(q6, dst, ld, a, w, rest, 1)
	}
}

// quarter multiplies 4 × n rows from row j.
func (p *superPanel) quarter(q6 bool, dst []float32, ld int, a *Q8, w []byte, j, n int) {
	stride, groups := superStride(q6, a.Cols), len(p.sums)/a.N
	// Few rows at a time, so that their minimums stay in the first-level cache.
	step := max(1, superMins/(streams*groups))
	p.gemv.mins, p.gemv.less = Resize(p.gemv.mins, streams*step*groups), Resize(p.gemv.less, streams*step)
	mins, less := p.gemv.mins, p.gemv.less
	for i := 0; i < n; i += step {
		m := min(step, n-i)
		for q := range a.N {
			out := dst[q*ld+j+i:]
			codes, meta := &a.codes[q*a.Cols], a.metaAt(q*a.Cols/Block)
			if q6 {
				gemvQ6_KAVX512(&out[0], n, &mins[0], m*groups, &w[(j+i)*stride], n*stride, stride, codes, meta, a.Cols/SuperBlock, m)
			} else {
				gemvQ4_KAVX512(&out[0], n, &mins[0], m*groups, &w[(j+i)*stride], n*stride, stride, codes, meta, a.Cols/SuperBlock, m)
			}
			DotF32(less, streams*m, p.sums[q*groups:][:groups], 1, floatBytes(mins), 4*groups, streams*m, groups, nil)
			for r := range streams {
				for k, v := range less[r*m:][:m] {
					out[r*n+k] -= v
				}
			}
		}
	}
}

// superMins is the number of minimums that are kept at a time.
const superMins = 4 << 10

func floatBytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
