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

// superPanel is the scratch of a product with k-quants. Their values are
// scale·code − minimum, with codes from 0 up; q6_k's minimum is 32·scale. The
// products of the codes go through panels like those of the other formats; from
// them are taken the products of the minimums with the sums of the activations.
type superPanel struct {
	widePanel
	rows   [wideRows * widePart * sizeQ8_0]byte // as q8_0, the scales left empty
	mins   []float32                            // [32][groups], a group being the values that share a scale
	sums   []float32                            // [N][groups]
	less   []float32                            // [N][32]
	padded []byte                               // fewer rows than a panel's
	out    []float32                            // [N][32], theirs
	gemv   superGemv
}

var superPanels = sync.Pool{New: func() any { return new(superPanel) }}

// mulSupers goes over the panels. The last rows are computed twice where they do
// not fill a panel.
func mulSupers(q6 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	p := superPanels.Get().(*superPanel)
	defer superPanels.Put(p)
	p.sum(q6, a)
	if a.N <= superFew && rows >= streams && a.Cols > 0 {
		p.gemvSupers(q6, dst, ld, a, w, rows)
		return
	}
	if rows < wideRows {
		stride := superStride(q6, a.Cols)
		p.padded = Resize(p.padded, wideRows*stride)
		clear(p.padded[copy(p.padded, w[:rows*stride]):])
		p.out = Resize(p.out, a.N*wideRows)
		p.mul(q6, p.out, wideRows, a, p.padded, 0)
		for q := range a.N {
			copy(dst[q*ld:][:rows], p.out[q*wideRows:])
		}
		return
	}
	for j := 0; j < rows; j += wideRows {
		p.mul(q6, dst, ld, a, w, min(j, rows-wideRows))
	}
}

// superStride is the size in bytes of a row.
func superStride(q6 bool, cols int) int {
	if q6 {
		return cols / SuperBlock * sizeQ6_K
	}
	return cols / SuperBlock * sizeQ4_K
}

// sum computes the sums of the activations of each group.
func (p *superPanel) sum(q6 bool, a *Q8) {
	if !q6 {
		p.sums = Resize(p.sums, len(a.meta))
		for i := range a.meta {
			p.sums[i] = float32(a.meta[i].sum()) * a.meta[i].scale
		}
		return
	}
	p.sums = Resize(p.sums, 2*len(a.meta))
	a.Sums(p.sums)
}

// mul multiplies 32 rows from row j with all tokens.
func (p *superPanel) mul(q6 bool, dst []float32, ld int, a *Q8, w []byte, j int) {
	blocks := a.Cols / Block
	if blocks == 0 {
		for q := range a.N {
			clear(dst[q*ld+j:][:wideRows])
		}
		return
	}
	groups := len(p.sums) / a.N
	p.mins = Resize(p.mins, wideRows*groups)
	for b := 0; b < blocks; b += widePart {
		n := min(widePart, blocks-b)
		p.pack(q6, w, blocks, groups, j, b, n)
		// The next panel's rows are far apart, so the processor does not foresee them.
		stride := superStride(q6, a.Cols)
		if next := (j+wideRows)*stride + b*stride/blocks; next+(wideRows-1)*stride < len(w) {
			prefetchRowsAVX512(&w[next], stride, n*stride/blocks, wideRows)
		}
		t := wideTile{p: &p.widePanel, a: a, dst: dst[j:], ld: ld, b: b, n: n, halves: q6}
		t.all()
	}
	p.less = Resize(p.less, a.N*wideRows)
	DotF32(p.less, wideRows, p.sums, a.N, floatBytes(p.mins), 4*groups, wideRows, groups, nil)
	for q := range a.N {
		out, less := dst[q*ld+j:][:wideRows], p.less[q*wideRows:][:wideRows]
		for i := range out {
			out[i] -= less[i]
		}
	}
}

// pack packs n blocks, from block b, of 32 rows from row j.
func (p *superPanel) pack(q6 bool, w []byte, blocks, groups, j, b, n int) {
	const perSuper = SuperBlock / Block
	for r := range wideRows {
		codes, super := &p.rows[r*n*sizeQ8_0], ((j+r)*blocks+b)/perSuper
		if q6 {
			unpackQ6_KAVX512(codes, &p.scales[r], &p.mins[r*groups+2*b], &w[super*sizeQ6_K], n/perSuper)
		} else {
			unpackQ4_KAVX512(codes, &p.scales[r], &p.mins[r*groups+b], &w[super*sizeQ4_K], n/perSuper)
		}
	}
	p.interleave(n)
}

// interleave packs the codes of the unpacked rows.
func (p *superPanel) interleave(n int) {
	for half := 0; half < wideRows; half += wideRows / 2 {
		packCodesAVX512(&p.codes[4*half], &p.rows[half*n*sizeQ8_0], n*sizeQ8_0, n)
	}
}
