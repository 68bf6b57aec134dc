//go:build !noasm && !purego

package vec

import (
	"sync"
	"unsafe"

	"github.com/winnowlm/winnow/internal/cpu"
)

// wideLen: the AVX2 product of several tokens with q8_0 reads int16.
func wideLen(n, cols int) int {
	if level == cpu.AVX2 && n >= gemmTokens {
		return n * cols
	}
	return 0
}

const (
	// gemmTokens is the number of tokens from which packing weights pays.
	gemmTokens = 4
	// panelRows is the number of rows that are packed together.
	panelRows = 16
	// panelBytes is the size of the codes that are packed at a time, half of a
	// small first-level cache.
	panelBytes = 16 << 10
	// streams is the number of rows that gemv reads at once. One stream leaves a
	// fifth of the memory's bandwidth unused; short ones, of a row each, a third.
	streams = 4
)

// panel is the scratch of a product.
type panel struct {
	padded []byte
	codes  [panelBytes]byte
	scales [panelBytes / Block]float32
}

var panels = sync.Pool{New: func() any { return new(panel) }}

func mulQ8_0(dst []float32, ld int, a *Q8, w []byte, rows int) {
	mulBlocks(false, dst, ld, a, w, rows)
}

func mulQ4_0(dst []float32, ld int, a *Q8, w []byte, rows int) {
	mulBlocks(true, dst, ld, a, w, rows)
}

func blockSize(q4 bool) int {
	if q4 {
		return sizeQ4_0
	}
	return sizeQ8_0
}

func mulBlocks(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	switch {
	case level < cpu.AVX2 && q4:
		mulQ4_0Go(dst, ld, a, w, rows)
	case level < cpu.AVX2:
		mulQ8_0Go(dst, ld, a, w, rows)
	case a.Cols == 0:
		for q := range a.N {
			clear(dst[q*ld:][:rows])
		}
	case a.N > 1 && a.N <= directTokens && rows >= directRows && level >= cpu.AVX512:
		direct(q4, dst, ld, a, w, rows)
	case a.N > directTokens && rows >= wideRows && level >= cpu.AVX512:
		gemmVNNI(q4, dst, ld, a, w, rows)
	case a.N >= gemmTokens && rows >= panelRows && level == cpu.AVX2:
		gemm(q4, dst, ld, a, w, rows)
	case rows >= streams:
		gemv(q4, dst, ld, a, w, rows)
	default:
		mulFew(q4, dst, ld, a, w, rows)
	}
}

// mulFew pads a matrix of fewer rows than the kernels take.
func mulFew(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	stride := a.Cols / Block * blockSize(q4)
	p := panels.Get().(*panel)
	defer panels.Put(p)
	p.padded = Resize(p.padded, streams*stride)
	clear(p.padded[copy(p.padded, w[:rows*stride]):])
	var out [streams]float32
	for q := range a.N {
		gemvStreams(q4, &out[0], &p.padded[0], a, q, 1)
		copy(dst[q*ld:][:rows], out[:])
	}
}

// gemv takes a token at a time. The last rows are computed twice where they do
// not divide into streams.
func gemv(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	stride := a.Cols / Block * blockSize(q4)
	step := groupsAtOnce(a.N, rows, streams, stride)
	for end := 0; end < rows; {
		j, n := nextGroups(end, rows, streams, step)
		for q := range a.N {
			gemvStreams(q4, &dst[q*ld+j], &w[j*stride], a, q, n)
		}
		end = j + streams*n
	}
}

// gemvStreams multiplies token q with 4 times n rows.
func gemvStreams(q4 bool, dst *float32, w *byte, a *Q8, q, n int) {
	blocks := a.Cols / Block
	stride := blocks * blockSize(q4)
	codes, meta := &a.codes[q*a.Cols], a.metaAt(q*blocks)
	switch {
	case level >= cpu.AVX512 && q4:
		gemvQ4_0AVX512(dst, n, w, n*stride, stride, codes, meta, blocks, n)
	case level >= cpu.AVX512:
		gemvQ8_0AVX512(dst, n, w, n*stride, stride, codes, meta, blocks, n)
	case q4:
		gemvQ4_0AVX2(dst, n, w, n*stride, stride, codes, meta, blocks, n)
	default:
		gemvQ8_0AVX2(dst, n, w, n*stride, stride, codes, meta, blocks, n)
	}
}

// gemm packs a part of a panel of rows and multiplies it with all tokens, which
// adds to the outputs. The last rows are computed twice where they do not fill
// a panel.
func gemm(q4 bool, dst []float32, ld int, a *Q8, w []byte, rows int) {
	p := panels.Get().(*panel)
	defer panels.Put(p)
	blocks := a.Cols / Block
	part := panelBytes / (panelRows * Block) // blocks of bytes
	if !q4 {
		part /= 2 // of int16
	}
	for j := 0; j < rows; j += panelRows {
		j = min(j, rows-panelRows)
		for q := range a.N {
			clear(dst[q*ld+j:][:panelRows])
		}
		for b := 0; b < blocks; b += part {
			n := min(part, blocks-b)
			p.pack(q4, w, blocks, j, b, n)
			for q := 0; q < a.N; {
				q += p.tile(q4, dst[q*ld+j:], ld, a, q, b, n)
			}
		}
	}
}

// pack packs n blocks, from block b, of the rows from row j.
func (p *panel) pack(q4 bool, w []byte, blocks, j, b, n int) {
	size := blockSize(q4)
	for half := 0; half < panelRows; half += panelRows / 2 {
		codes, scales, row := &p.codes[4*half], &p.scales[half], &w[((j+half)*blocks+b)*size]
		if q4 {
			packQ4_0AVX2(codes, scales, row, blocks*size, n)
		} else {
			packQ8_0AVX2(codes, scales, row, blocks*size, n)
		}
	}
	if next := ((j+panelRows)*blocks + b) * size; next < len(w) {
		prefetchRowsAVX2(&w[next], blocks*size, n*size, panelRows)
	}
}

// tile multiplies the panel with as many tokens from q as a kernel takes, and
// returns their number.
func (p *panel) tile(q4 bool, dst []float32, ld int, a *Q8, q, b, n int) int {
	blocks := a.Cols / Block
	t := tileArgs{
		dst: &dst[0], ld: ld,
		x: (*byte)(unsafe.Pointer(&a.codes[q*a.Cols+b*Block])), stride: a.Cols,
		meta: a.metaAt(q*blocks + b), metaStride: blocks * int(unsafe.Sizeof(blockMeta{})),
		panel: &p.codes[0], scales: &p.scales[0], blocks: n,
	}
	if q4 {
		return t.avx2(tileQ4_0, a.N-q)
	}
	t.x, t.stride = (*byte)(unsafe.Pointer(&a.wide[q*a.Cols+b*Block])), 2*a.Cols
	return t.avx2(tileQ8_0, a.N-q)
}
