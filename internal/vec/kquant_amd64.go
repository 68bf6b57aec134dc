//go:build !noasm && !purego

package vec

import (
	"sync"

	"github.com/winnowlm/winnow/internal/cpu"
)

func mulQ4_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if level < cpu.AVX512 {
		mulQ4_KGo(dst, ld, a, w, rows)
		return
	}
	mulSupers(false, dst, ld, a, w, rows)
}

func mulQ6_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	if level < cpu.AVX512 {
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
	case a.N >= gemmTokens && rows >= wideRows:
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

var superRows = sync.Pool{New: func() any { return new(superRow) }}

// gemvSupers is gemvVNNI for k-quants.
func gemvSupers(q6 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	p := superRows.Get().(*superRow)
	defer superRows.Put(p)
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
	if q6 {
		spreadQ6_KAVX512(&p.side[0], &a.codes[q*a.Cols], supers)
	} else {
		spreadQ4_KAVX512(&p.side[0], a.metaAt(q*a.Cols/Block), supers)
	}
}

// mul multiplies token q, which is spread, with 4 times n rows.
func (p *superRow) mul(q6 bool, dst *float32, a *Q8, q int, w *byte, n int) {
	supers, stride := a.Cols/SuperBlock, superStride(q6, a.Cols)
	codes, meta := &a.codes[q*a.Cols], a.metaAt(q*a.Cols/Block)
	if q6 {
		gemvQ6_KAVX512(dst, n, w, n*stride, stride, codes, meta, &p.side[0], supers, n)
	} else {
		gemvQ4_KAVX512(dst, n, w, n*stride, stride, codes, meta, &p.side[0], supers, n)
	}
}

// superPanel is the scratch of a product of several tokens with k-quants. The
// values of q4_k are scale·code − minimum, with codes from 0 up. The products of
// the codes go through panels like those of the other formats; from them are
// taken the products of the minimums with the sums of the activations. q6_k's
// codes are less 32, which is an offset of the sum.
type superPanel struct {
	widePanel
	rows   [wideRows * widePart * sizeQ8_0]byte // as q8_0, the scales left empty
	mins   []float32                            // q4_k: [panel][Cols/Block][32]
	sums   []float32                            // q4_k: [N][Cols/Block], of the activations
	halves []halfMeta                           // q6_k: [N][Cols/Block]
}

// halfMeta is blockMeta for weights that have a scale for 16 columns.
type halfMeta struct {
	scale   float32
	offsets [2]int32 // minus 32 times the sums of the halves
}

var superPanels = sync.Pool{New: func() any { return new(superPanel) }}

// gemmSupers is gemmVNNI for k-quants.
func gemmSupers(q6 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	p := superPanels.Get().(*superPanel)
	defer superPanels.Put(p)
	p.sum(q6, a)
	whole := rows / wideRows * wideRows
	p.mul(q6, dst, ld, a, w, 0, whole)
	if whole < rows {
		p.mul(q6, dst, ld, a, w, rows-wideRows, rows)
	}
}

// sum computes the sums of the activations.
func (p *superPanel) sum(q6 bool, a *Q8) {
	if !q6 {
		p.sums = Resize(p.sums, len(a.meta))
		for i := range a.meta {
			p.sums[i] = float32(a.meta[i].sum()) * a.meta[i].scale
		}
		return
	}
	p.halves = Resize(p.halves, len(a.meta))
	for i := range p.halves {
		first := sumCodes((*[SumCols]int8)(a.codes[i*Block:]))
		p.halves[i] = halfMeta{a.meta[i].scale, [2]int32{-32 * first, -32 * (a.meta[i].sum() - first)}}
	}
}

// mul multiplies the panels of rows first to end with all tokens, part after
// part, so that the activations of a part stay in the second-level cache.
func (p *superPanel) mul(q6 bool, dst []float32, ld int, a *Q8, w []byte, first, end int) {
	blocks, stride := a.Cols/Block, superStride(q6, a.Cols)
	if !q6 {
		p.mins = Resize(p.mins, (end-first)*blocks)
	}
	for b := 0; b < blocks; b += widePart {
		n := min(widePart, blocks-b)
		for j := first; j < end; j += wideRows {
			p.pack(q6, w, blocks, j, b, n, (j-first)*blocks+b*wideRows)
			// The next panel's rows are far apart, so the processor does not foresee them.
			if next := (j+wideRows)*stride + b*stride/blocks; next+(wideRows-1)*stride < len(w) {
				prefetchRowsAVX512(&w[next], stride, n*stride/blocks, wideRows)
			}
			t := wideTile{p: &p.widePanel, a: a, dst: dst[j:], ld: ld, b: b, n: n}
			if q6 {
				t.halves = p.halves
			}
			t.all()
		}
	}
	if !q6 {
		for j := first; j < end; j += wideRows {
			p.less(dst[j:], ld, a, (*[wideRows]float32)(p.mins[(j-first)*blocks:]))
		}
	}
}

// pack packs n blocks, from block b, of 32 rows from row j, and writes q4_k's
// minimums to mins from at on.
func (p *superPanel) pack(q6 bool, w []byte, blocks, j, b, n, at int) {
	const perSuper = SuperBlock / Block
	for r := range wideRows {
		codes, super := &p.rows[r*n*sizeQ8_0], ((j+r)*blocks+b)/perSuper
		if q6 {
			unpackQ6_KAVX512(codes, &p.scales[r], &w[super*sizeQ6_K], n/perSuper)
		} else {
			unpackQ4_KAVX512(codes, &p.scales[r], &p.mins[at+r], &w[super*sizeQ4_K], n/perSuper)
		}
	}
	for half := 0; half < wideRows; half += wideRows / 2 {
		packCodesAVX512(&p.codes[4*half], &p.rows[half*n*sizeQ8_0], n*sizeQ8_0, n)
	}
}

// less takes off the products of a panel's minimums.
func (p *superPanel) less(dst []float32, ld int, a *Q8, mins *[wideRows]float32) {
	blocks := a.Cols / Block
	fours, stride, m := blocks/4, 4*blocks, &mins[0]
	sixes, rest := a.N/6, a.N%6
	if sixes > 0 {
		minsx6AVX512(&dst[0], ld, &p.sums[0], stride, m, fours, sixes)
	}
	if rest == 0 {
		return
	}
	to, sums := &dst[6*sixes*ld], &p.sums[6*sixes*blocks]
	switch rest {
	case 1:
		minsx1AVX512(to, ld, sums, stride, m, fours, 1)
	case 2:
		minsx2AVX512(to, ld, sums, stride, m, fours, 1)
	case 3:
		minsx3AVX512(to, ld, sums, stride, m, fours, 1)
	case 4:
		minsx4AVX512(to, ld, sums, stride, m, fours, 1)
	case 5:
		minsx5AVX512(to, ld, sums, stride, m, fours, 1)
	}
}
