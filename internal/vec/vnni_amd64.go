//go:build !noasm && !purego

package vec

import (
	"sync"
	"unsafe"
)

const (
	// wideRows is the number of rows of a panel for AVX-512.
	wideRows = 32
	// widePart is the number of blocks of a row that are packed at a time. A
	// panel's part, 36 KiB with its scales, and what a group of tokens multiplies
	// it with fit the first-level cache.
	widePart = 32
)

// widePanel is the scratch of a product: the part of a panel that is multiplied
// with all tokens. It is too large for the allocator to place off a cache line.
type widePanel struct {
	codes  [widePart * wideRows * Block]byte // [block][four][32][4], plus 128
	scales [3 * widePart * wideRows]float32  // [block][32], or [block][3][32]
}

var widePanels = sync.Pool{New: func() any { return new(widePanel) }}

// gemmVNNI goes over the parts of rows, and for each over the panels, so that
// the activations of a part stay in the second-level cache. The last rows are
// computed twice where they do not fill a panel.
func gemmVNNI(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	p := widePanels.Get().(*widePanel)
	defer widePanels.Put(p)
	blocks := a.Cols / Block
	whole := rows / wideRows * wideRows
	for b := 0; b < blocks; b += widePart {
		for j := 0; j < whole; j += wideRows {
			p.mul(q4, dst, ld, a, w, j, b)
		}
	}
	if whole < rows {
		for b := 0; b < blocks; b += widePart {
			p.mul(q4, dst, ld, a, w, rows-wideRows, b)
		}
	}
}

// mul multiplies a part of 32 rows, from block b of row j, with all tokens.
func (p *widePanel) mul(q4 bool, dst []float32, ld int, a *Q8, w []byte, j, b int) {
	blocks := a.Cols / Block
	n := min(widePart, blocks-b)
	size := blockSize(q4)
	stride := blocks * size
	for half := 0; half < wideRows; half += wideRows / 2 {
		codes, scales, row := &p.codes[4*half], &p.scales[half], &w[(j+half)*stride+b*size]
		if q4 {
			packQ4_0AVX512(codes, scales, row, stride, n)
		} else {
			packQ8_0AVX512(codes, scales, row, stride, n)
		}
	}
	if next := (j+wideRows)*stride + b*size; next < len(w) {
		prefetchRowsAVX2(&w[next], stride, n*size, wideRows)
	}
	t := wideTile{p: p, a: a, dst: dst[j:], ld: ld, b: b, n: n}
	t.all()
}

// wideTile is the progress of a packed part over the tokens.
type wideTile struct {
	p    *widePanel
	a    *Q8
	dst  []float32
	ld   int
	q    int // the next token
	b, n int // the part's first block and its length

	halves []halfMeta // instead of a's, where halves of a block have scales of their own
}

// all takes the tokens in groups. A large one keeps the multipliers busy; one of
// 1 or 2 waits for each sum.
func (t *wideTile) all() {
	most := 6
	if t.halves != nil {
		most = 4
	}
	groups, rest := t.a.N/most, t.a.N%most
	if groups > 0 && (rest == 1 || rest == 2) {
		groups, rest = groups-1, rest+most
	}
	t.run(most, groups)
	if rest > most {
		t.run(most-2, 1)
		rest -= most - 2
	}
	t.run(rest, 1)
}

// run takes groups of tokens. (A switch, not a table of functions, so that the
// pointers do not escape.)
func (t *wideTile) run(tokens, groups int) {
	if tokens == 0 || groups == 0 {
		return
	}
	a, blocks := t.a, t.a.Cols/Block
	first := t.q
	dst, meta := &t.dst[first*t.ld], a.metaAt(first*blocks+t.b)
	x := (*byte)(unsafe.Pointer(&a.codes[first*a.Cols+t.b*Block]))
	metaStride := blocks * int(unsafe.Sizeof(blockMeta{}))
	codes, scales := &t.p.codes[0], &t.p.scales[0]
	t.q += tokens * groups
	keep := 0
	if t.b > 0 {
		keep = -1 // the outputs hold the sums of earlier parts
	}
	n := tokens
	if t.halves != nil {
		meta = (*byte)(unsafe.Pointer(&t.halves[first*blocks+t.b]))
		n += 8
	}
	switch n {
	case 1:
		tilex1AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 2:
		tilex2AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 3:
		tilex3AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 4:
		tilex4AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 5:
		tilex5AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 6:
		tilex6AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 8 + 1:
		tileHalvesx1AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 8 + 2:
		tileHalvesx2AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 8 + 3:
		tileHalvesx3AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	case 8 + 4:
		tileHalvesx4AVX512(dst, t.ld, x, a.Cols, meta, metaStride, codes, scales, t.n, groups, keep)
	}
}
