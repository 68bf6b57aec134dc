//go:build !noasm && !purego

package vec

import "sync"

const (
	// packedRows is how many rows are packed at a time: as many as make of the sums
	// of a tile half of the first-level cache.
	packedRows = 64
	// packedGroup is how many rows of a panel lie side by side.
	packedGroup = 4
	// packedBytes is the most that they may take: half of the second-level cache.
	packedBytes = 512 << 10
	// partCols is how many columns are taken at a time. Rows that are not longer
	// are multiplied as they stand: their vectors stay in the first-level cache.
	partCols = 1024
	// packedVectors is the number of vectors from which packing pays.
	packedVectors = 24
)

// floatPanel is the scratch of a product with long rows. It is too large for the
// allocator to place off a cache line.
type floatPanel struct {
	rows [packedBytes]byte                      // [part][group][column/lanes][4][lanes], as they are stored
	sums [packedRows * wideVectors * 16]float32 // [group][vector][4][lanes]
}

var floatPanels = sync.Pool{New: func() any { return new(floatPanel) }}

// dotPanel multiplies with many long rows, and says whether they are. Vectors
// that do not fill a tile are left.
func dotPanel(f format, lanes int, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int) (done int) {
	most := min(packedRows, packedBytes/(cols*f.size())) / packedGroup
	if f == fmtI8 || n < packedVectors || cols <= partCols || rows < packedGroup || most == 0 {
		return 0
	}
	p := floatPanels.Get().(*floatPanel)
	defer floatPanels.Put(p)
	tile := tokensOf(lanes, n)
	for j := 0; j < rows; {
		first, groups := nextGroups(j, rows, packedGroup, most)
		p.pack(f, lanes, w[first*stride:], stride, groups, cols)
		for q := 0; q+tile <= n; q += tile {
			p.mul(f, lanes, dst[q*ld+first:], ld, x[q*cols:], x[min(q+tile, n-1)*cols:], groups, cols)
		}
		j = first + groups*packedGroup
	}
	return n / tile * tile
}

func (p *floatPanel) pack(f format, lanes int, w []byte, stride, groups, cols int) {
	at, size := 0, f.size()
	for c := 0; c < cols; c += partCols {
		m := min(partCols, cols-c)
		for g := range groups {
			to, from := &p.rows[at], &w[g*packedGroup*stride+c*size]
			switch {
			case lanes == 16 && size == 2:
				packHalvesAVX512(to, from, stride, m)
			case lanes == 16:
				packWordsAVX512(to, from, stride, m)
			case size == 2:
				packHalvesAVX2(to, from, stride, m)
			default:
				packWordsAVX2(to, from, stride, m)
			}
			at += packedGroup * m * size
		}
	}
}

// mul multiplies a tile of vectors with the panel, and fetches the next ones.
func (p *floatPanel) mul(f format, lanes int, dst []float32, ld int, x, next []float32, groups, cols int) {
	at, part := 0, 0
	for c := 0; c < cols; c += partCols {
		m := min(partCols, cols-c)
		part |= 2
		if c+m == cols {
			part &= 1
		}
		p.tile(f, lanes, &dst[0], ld, &x[c], cols, &p.rows[at], groups, m, part, &next[0])
		at += groups * packedGroup * m * f.size()
		part |= 1
	}
}

func (p *floatPanel) tile(f format, lanes int, dst *float32, ld int, x *float32, ldx int, panel *byte, groups, cols, part int, next *float32) {
	sums := &p.sums[0]
	switch int(f)*32 + lanes {
	case int(fmtF32)*32 + 8:
		dotPanelF32AVX2(dst, ld, x, ldx, panel, groups, cols, sums, part, next)
	case int(fmtF16)*32 + 8:
		dotPanelF16AVX2(dst, ld, x, ldx, panel, groups, cols, sums, part, next)
	case int(fmtBF16)*32 + 8:
		dotPanelBF16AVX2(dst, ld, x, ldx, panel, groups, cols, sums, part, next)
	case int(fmtF32)*32 + 16:
		dotPanelF32AVX512(dst, ld, x, ldx, panel, groups, cols, sums, part, next)
	case int(fmtF16)*32 + 16:
		dotPanelF16AVX512(dst, ld, x, ldx, panel, groups, cols, sums, part, next)
	case int(fmtBF16)*32 + 16:
		dotPanelBF16AVX512(dst, ld, x, ldx, panel, groups, cols, sums, part, next)
	}
}
