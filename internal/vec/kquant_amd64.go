//go:build !noasm && !purego

package vec

import (
	"sync"

	"github.com/winnowlm/winnow/internal/cpu"
)

func mulQ4_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if level < cpu.AVX2 {
		mulQ4_KGo(dst, ld, a, w, rows)
		return
	}
	mulSupers(false, dst, ld, a, w, rows)
}

func mulQ6_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if level < cpu.AVX2 {
		mulQ6_KGo(dst, ld, a, w, rows)
		return
	}
	mulSupers(true, dst, ld, a, w, rows)
}

// superStride is the size in bytes of a row.
func superStride(q6 bool, cols int) int {
	if q6 {
		return cols / SuperBlock * sizeQ6_K
	}
	return cols / SuperBlock * sizeQ4_K
}

func mulSupers(q6 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	switch {
	case a.Cols == 0:
		for q := range a.N {
			clear(dst[q*ld:][:rows])
		}
	case a.N >= gemmTokens && rows >= superRows():
		gemmSupers(q6, dst, ld, a, w, rows)
	default:
		gemvSupers(q6, dst, ld, a, w, rows)
	}
}

// superRow is the scratch of a product with rows as they stand.
type superRow struct {
	side   []byte // of a token, as the kernels spread it
	padded []byte // fewer rows than there are streams
}

var superScratch = sync.Pool{New: func() any { return new(superRow) }}

// gemvSupers is gemv for k-quants.
func gemvSupers(q6 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	p := superScratch.Get().(*superRow)
	defer superScratch.Put(p)
	stride := superStride(q6, a.Cols)
	if rows < streams {
		p.padded = Resize(p.padded, streams*stride)
		clear(p.padded[copy(p.padded, w[:rows*stride]):])
		var out [streams]float32
		for q := range a.N {
			p.spread(q6, a, q)
			p.mul(q6, &out[0], a, q, &p.padded[0], 1)
			copy(dst[q*ld:][:rows], out[:])
		}
		return
	}
	step := groupsAtOnce(a.N, rows, streams, stride)
	for end := 0; end < rows; {
		j, n := nextGroups(end, rows, streams, step)
		for q := range a.N {
			p.spread(q6, a, q)
			p.mul(q6, &dst[q*ld+j], a, q, &w[j*stride], n)
		}
		end = j + streams*n
	}
}

// spread prepares what all rows need of token q.
func (p *superRow) spread(q6 bool, a *Q8, q int) {
	const sideBytes = 256
	supers := a.Cols / SuperBlock
	p.side = Resize(p.side, supers*sideBytes)
	side, codes, meta := &p.side[0], &a.codes[q*a.Cols], a.metaAt(q*a.Cols/Block)
	switch {
	case level >= cpu.AVX512 && q6:
		spreadQ6_KAVX512(side, codes, supers)
	case level >= cpu.AVX512:
		spreadQ4_KAVX512(side, meta, supers)
	case q6:
		spreadQ6_KAVX2(side, codes, supers)
	default:
		spreadQ4_KAVX2(side, meta, supers)
	}
}

// mul multiplies token q, which is spread, with 4 times n rows.
func (p *superRow) mul(q6 bool, dst *float32, a *Q8, q int, w *byte, n int) {
	supers, stride := a.Cols/SuperBlock, superStride(q6, a.Cols)
	side, codes, meta := &p.side[0], &a.codes[q*a.Cols], a.metaAt(q*a.Cols/Block)
	switch {
	case level >= cpu.AVX512 && q6:
		gemvQ6_KAVX512(dst, n, w, n*stride, stride, codes, meta, side, supers, n)
	case level >= cpu.AVX512:
		gemvQ4_KAVX512(dst, n, w, n*stride, stride, codes, meta, side, supers, n)
	case q6:
		gemvQ6_KAVX2(dst, n, w, n*stride, stride, codes, meta, side, supers, n)
	default:
		gemvQ4_KAVX2(dst, n, w, n*stride, stride, codes, meta, side, supers, n)
	}
}
