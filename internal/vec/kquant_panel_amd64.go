//go:build !noasm && !purego

package vec

import (
	"sync"
	"unsafe"

	"github.com/winnowlm/winnow/internal/cpu"
)

// superPanel is the scratch of a product of several tokens with k-quants. The
// values of q4_k are scale·code − minimum, with codes from 0 up. The products of
// the codes go through panels like those of the other formats; from them are
// taken the products of the minimums with the sums of the activations. q6_k's
// codes are less 32, which is an offset of the sum.
//
// For AVX2 a panel has 16 rows and codes from 0 up, [block][four][16][4].
type superPanel struct {
	widePanel
	rows   [wideRows * widePart * sizeQ8_0]byte // as q8_0, the scales left empty
	mins   []float32                            // q4_k: [panel][Cols/Block][rows of a panel]
	sums   []float32                            // q4_k: [N][Cols/Block], of the activations
	halves []halfMeta                           // q6_k: [N][Cols/Block]
}

var superPanels = sync.Pool{New: func() any { return new(superPanel) }}

// superRows is the number of rows of a panel.
func superRows() int {
	if level >= cpu.AVX512 {
		return wideRows
	}
	return panelRows
}

// gemmSupers is gemmVNNI for k-quants.
func gemmSupers(q6 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	p := superPanels.Get().(*superPanel)
	defer superPanels.Put(p)
	if q6 {
		p.halves = a.halfMetas()
	} else {
		p.sums = a.blockSums()
	}
	whole := rows / superRows() * superRows()
	p.mul(q6, dst, ld, a, w, 0, whole)
	if whole < rows {
		p.mul(q6, dst, ld, a, w, rows-superRows(), rows)
	}
}

// blockSums returns the sums of the blocks, as coded.
func (a *Q8) blockSums() []float32 {
	return a.blocks.get(len(a.meta), func(sums []float32) {
		for i := range sums {
			sums[i] = float32(a.meta[i].sum()) * a.meta[i].scale
		}
	})
}

func (a *Q8) halfMetas() []halfMeta {
	return a.halves.get(len(a.meta), func(metas []halfMeta) {
		for i := range metas {
			m := halfMeta{scale: a.meta[i].scale}
			for half := range m.offsets {
				m.offsets[half] = offsetQ6_K((*[SumCols]int8)(a.codes[i*Block+half*SumCols:]))
			}
			metas[i] = m
		}
	})
}

// offsetQ6_K returns minus 32 times the sum of the codes, or two words for its two parts.
func offsetQ6_K(codes *[SumCols]int8) int32 {
	if level >= cpu.AVX512 {
		return -32 * sumCodes(codes)
	}
	var pairs [2]int16
	for i, c := range codes {
		pairs[i/2%2] -= 32 * int16(c)
	}
	return int32(uint32(uint16(pairs[0])) | uint32(uint16(pairs[1]))<<16)
}

// mul multiplies the panels of rows first to end with all tokens, part after
// part, so that the activations of a part stay in the second-level cache.
func (p *superPanel) mul(q6 bool, dst []float32, ld int, a *Q8, w []byte, first, end int) {
	blocks, stride, rows := a.Cols/Block, superStride(q6, a.Cols), superRows()
	if !q6 {
		p.mins = Resize(p.mins, (end-first)*blocks)
	}
	for b := 0; b < blocks; b += widePart {
		n := min(widePart, blocks-b)
		for j := first; j < end; j += rows {
			p.pack(q6, w, blocks, j, b, n, (j-first)*blocks+b*rows)
			// The next panel's rows are far apart, so the processor does not foresee them.
			if next := (j+rows)*stride + b*stride/blocks; next+(rows-1)*stride < len(w) {
				prefetchRowsAVX2(&w[next], stride, n*stride/blocks, rows)
			}
			p.tiles(q6, dst[j:], ld, a, b, n)
		}
	}
	if !q6 {
		for j := first; j < end; j += rows {
			p.less(dst[j:], ld, a, &p.mins[(j-first)*blocks])
		}
	}
}

// pack packs n blocks, from block b, of a panel's rows from row j, and writes
// q4_k's minimums to mins from at on.
func (p *superPanel) pack(q6 bool, w []byte, blocks, j, b, n, at int) {
	const perSuper = SuperBlock / Block
	rows := superRows()
	for r := range rows {
		codes, super := &p.rows[r*n*sizeQ8_0], ((j+r)*blocks+b)/perSuper
		scales, supers := &p.scales[r], n/perSuper
		switch {
		case level >= cpu.AVX512 && q6:
			unpackQ6_KAVX512(codes, scales, &w[super*sizeQ6_K], supers)
		case level >= cpu.AVX512:
			unpackQ4_KAVX512(codes, scales, &p.mins[at+r], &w[super*sizeQ4_K], supers)
		case q6:
			unpackQ6_KAVX2(codes, scales, &w[super*sizeQ6_K], supers)
		default:
			unpackQ4_KAVX2(codes, scales, &p.mins[at+r], &w[super*sizeQ4_K], supers)
		}
	}
	for half := 0; half < rows; half += rows / 2 {
		to, from := &p.codes[4*half], &p.rows[half*n*sizeQ8_0]
		if level >= cpu.AVX512 {
			packCodesAVX512(to, from, n*sizeQ8_0, n)
		} else {
			packCodesAVX2(to, from, n*sizeQ8_0, n)
		}
	}
}

// tiles multiplies the panel, whose first block is b, with all tokens.
func (p *superPanel) tiles(q6 bool, dst []float32, ld int, a *Q8, b, n int) {
	if level >= cpu.AVX512 {
		t := wideTile{p: &p.widePanel, a: a, dst: dst, ld: ld, b: b, n: n}
		if q6 {
			t.halves = p.halves
		}
		t.all()
		return
	}
	if b == 0 {
		for q := range a.N {
			clear(dst[q*ld:][:panelRows])
		}
	}
	kind, blocks := tileQ4_K, a.Cols/Block
	for q := 0; q < a.N; {
		meta := a.metaAt(q*blocks + b)
		if q6 {
			kind, meta = tileHalves, (*byte)(unsafe.Pointer(&p.halves[q*blocks+b]))
		}
		t := tileArgs{
			dst: &dst[q*ld], ld: ld,
			x: (*byte)(unsafe.Pointer(&a.codes[q*a.Cols+b*Block])), stride: a.Cols,
			meta: meta, metaStride: blocks * int(unsafe.Sizeof(halfMeta{})), // as large as blockMeta
			panel: &p.codes[0], scales: &p.scales[0], blocks: n,
		}
		q += t.avx2(kind, a.N-q)
	}
}

// less takes off the products of a panel's minimums.
func (p *superPanel) less(dst []float32, ld int, a *Q8, mins *float32) {
	const most = 3
	groups, rest := a.N/most, a.N%most
	p.lessFew(dst, ld, a, mins, 0, most, groups)
	p.lessFew(dst, ld, a, mins, groups*most, rest, 1)
}

// lessFew does so for groups of tokens from token q on.
func (p *superPanel) lessFew(dst []float32, ld int, a *Q8, mins *float32, q, tokens, groups int) {
	if tokens == 0 || groups == 0 {
		return
	}
	blocks := a.Cols / Block
	to, sums, stride := &dst[q*ld], &p.sums[q*blocks], 4*blocks
	n := tokens
	if level >= cpu.AVX512 {
		n += 8
	}
	switch n {
	case 1:
		minsx1AVX2(to, ld, sums, stride, mins, blocks, groups)
	case 2:
		minsx2AVX2(to, ld, sums, stride, mins, blocks, groups)
	case 3:
		minsx3AVX2(to, ld, sums, stride, mins, blocks, groups)
	case 8 + 1:
		minsx1AVX512(to, ld, sums, stride, mins, blocks, groups)
	case 8 + 2:
		minsx2AVX512(to, ld, sums, stride, mins, blocks, groups)
	case 8 + 3:
		minsx3AVX512(to, ld, sums, stride, mins, blocks, groups)
	}
}
