//go:build !noasm && !purego

package vec

import "unsafe"

const (
	// directRows is the number of rows that a kernel takes without a panel.
	directRows = 16
	// directTokens is the most tokens that it takes: for more, packing costs less
	// than making fours of codes twice.
	directTokens = 8
)

// direct multiplies few tokens with the rows as they are. The last rows are
// computed twice where they do not fill a group.
func direct(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	directTile(q4, dst, ld, a, &w[0], rows/directRows)
	if rows%directRows > 0 {
		j := rows - directRows
		directTile(q4, dst[j:], ld, a, &w[j*a.Cols/Block*blockSize(q4)], 1)
	}
}

// directTile multiplies with groups of rows. (A switch, not a table of functions,
// so that the pointers do not escape.)
func directTile(q4 bool, dst []float32, ld int, a *Q8, w *byte, groups int) {
	blocks := a.Cols / Block
	stride, metaStride := blocks*blockSize(q4), blocks*int(unsafe.Sizeof(blockMeta{}))
	out, x, meta := &dst[0], (*byte)(unsafe.Pointer(&a.codes[0])), a.metaAt(0)
	n := a.N
	if q4 {
		n += 16
	}
	switch n {
	case 2:
		directQ8_0x2AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 3:
		directQ8_0x3AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 4:
		directQ8_0x4AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 5:
		directQ8_0x5AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 6:
		directQ8_0x6AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 7:
		directQ8_0x7AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 8:
		directQ8_0x8AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 16 + 2:
		directQ4_0x2AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 16 + 3:
		directQ4_0x3AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 16 + 4:
		directQ4_0x4AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 16 + 5:
		directQ4_0x5AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 16 + 6:
		directQ4_0x6AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 16 + 7:
		directQ4_0x7AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	case 16 + 8:
		directQ4_0x8AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups)
	}
}
