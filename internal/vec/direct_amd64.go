//go:build !noasm && !purego

package vec

import "unsafe"

const (
	// directRows is the number of rows that a kernel takes without a panel.
	directRows = 32
	// directTokens is the most tokens that it takes: for more, it costs less to
	// pack the rows and keep the sums in registers.
	directTokens = 24
)

// direct multiplies few tokens with the rows as they are. The last rows are
// computed twice where they do not fill a group.
func direct(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	directGroups(q4, dst, ld, a, &w[0], rows/directRows)
	if rows%directRows > 0 {
		j := rows - directRows
		directGroups(q4, dst[j:], ld, a, &w[j*a.Cols/Block*blockSize(q4)], 1)
	}
}

func directGroups(q4 bool, dst []float32, ld int, a *Q8, w *byte, groups int) {
	blocks := a.Cols / Block
	stride, metaStride := blocks*blockSize(q4), blocks*int(unsafe.Sizeof(blockMeta{}))
	out, x, meta := &dst[0], (*byte)(unsafe.Pointer(&a.codes[0])), a.metaAt(0)
	if q4 {
		directQ4_0AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups, a.N)
	} else {
		directQ8_0AVX512(out, ld, w, stride, x, a.Cols, meta, metaStride, blocks, groups, a.N)
	}
}
