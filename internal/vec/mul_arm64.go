//go:build !noasm && !purego

package vec

import "github.com/winnowlm/winnow/internal/cpu"

func wideLen(n, cols int) int { return 0 }

func mulQ8_0(dst []float32, ld int, a *Q8, w []byte, rows int) {
	mulRows(blocksQ8_0, dst, ld, a, w, rows)
}
func mulQ4_0(dst []float32, ld int, a *Q8, w []byte, rows int) {
	mulRows(blocksQ4_0, dst, ld, a, w, rows)
}
func mulQ4_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	mulRows(blocksQ4_K, dst, ld, a, w, rows)
}
func mulQ6_K(dst []float32, ld int, a *Q8, w []byte, rows int) {
	mulRows(blocksQ6_K, dst, ld, a, w, rows)
}

// blockFormat is a format of weights that kernels multiply.
type blockFormat int

const (
	blocksQ8_0 blockFormat = iota
	blocksQ4_0
	blocksQ4_K
	blocksQ6_K
)

// rowSize returns the number of bytes of a row.
func (f blockFormat) rowSize(cols int) int {
	switch f {
	case blocksQ8_0:
		return cols / Block * sizeQ8_0
	case blocksQ4_0:
		return cols / Block * sizeQ4_0
	case blocksQ4_K:
		return cols / SuperBlock * sizeQ4_K
	default:
		return cols / SuperBlock * sizeQ6_K
	}
}

// rowsAtOnce is the number of rows that the kernels take together.
const rowsAtOnce = 4

// mulRows takes rows in fours. The last are computed twice where they do not divide.
func mulRows(f blockFormat, dst []float32, ld int, a *Q8, w []byte, rows int) {
	switch {
	case level < cpu.NEON:
		mulRowsGo(f, dst, ld, a, w, rows)
		return
	case a.Cols == 0:
		for q := range a.N {
			clear(dst[q*ld:][:rows])
		}
		return
	case rows < rowsAtOnce:
		mulFew(f, dst, ld, a, w, rows)
		return
	}
	stride := f.rowSize(a.Cols)
	step := groupsAtOnce(a.N, rows, rowsAtOnce, stride)
	for end := 0; end < rows; {
		j, n := nextGroups(end, rows, rowsAtOnce, step)
		mulTile(f, &dst[j], ld, &w[j*stride], stride, a, 0, a.N, n*rowsAtOnce)
		end = j + n*rowsAtOnce
	}
}

func mulRowsGo(f blockFormat, dst []float32, ld int, a *Q8, w []byte, rows int) {
	switch f {
	case blocksQ8_0:
		mulQ8_0Go(dst, ld, a, w, rows)
	case blocksQ4_0:
		mulQ4_0Go(dst, ld, a, w, rows)
	case blocksQ4_K:
		mulQ4_KGo(dst, ld, a, w, rows)
	case blocksQ6_K:
		mulQ6_KGo(dst, ld, a, w, rows)
	}
}

// mulFew multiplies with each row four times.
func mulFew(f blockFormat, dst []float32, ld int, a *Q8, w []byte, rows int) {
	stride := f.rowSize(a.Cols)
	var out [rowsAtOnce]float32
	for q := range a.N {
		for j := range rows {
			mulTile(f, &out[0], 0, &w[j*stride], 0, a, q, 1, rowsAtOnce)
			dst[q*ld+j] = out[0]
		}
	}
}

// mulTile multiplies n tokens from q with rows. (A switch, not a table of
// functions, so that the pointers do not escape.)
func mulTile(f blockFormat, dst *float32, ld int, w *byte, stride int, a *Q8, q, n, rows int) {
	blocks := a.Cols / Block
	codes, meta := &a.codes[q*a.Cols], a.metaAt(q*blocks)
	if level >= cpu.DotProd {
		switch f {
		case blocksQ8_0:
			mulQ8_0DotProd(dst, ld, w, stride, codes, meta, n, blocks, rows)
		case blocksQ4_0:
			mulQ4_0DotProd(dst, ld, w, stride, codes, meta, n, blocks, rows)
		case blocksQ4_K:
			mulQ4_KDotProd(dst, ld, w, stride, codes, meta, n, blocks, rows)
		case blocksQ6_K:
			mulQ6_KDotProd(dst, ld, w, stride, codes, meta, n, blocks, rows)
		}
		return
	}
	switch f {
	case blocksQ8_0:
		mulQ8_0NEON(dst, ld, w, stride, codes, meta, n, blocks, rows)
	case blocksQ4_0:
		mulQ4_0NEON(dst, ld, w, stride, codes, meta, n, blocks, rows)
	case blocksQ4_K:
		mulQ4_KNEON(dst, ld, w, stride, codes, meta, n, blocks, rows)
	case blocksQ6_K:
		mulQ6_KNEON(dst, ld, w, stride, codes, meta, n, blocks, rows)
	}
}
