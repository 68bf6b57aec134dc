package kvcache

import (
	"slices"
	"sync"

	"github.com/winnowlm/winnow/quant"
)

// exactRows holds, for the layer in hand, the rows that are not yet in blocks:
// each head's tail and the tile's rows, as float32, and the blocks that they
// fill, encoded already because later queries of the tile see them so.
type exactRows struct {
	k, v       [][]byte // [NumKVHeads] float32 [tail+tile][dim]: the tail itself while the rows fit, else a buffer
	bufK, bufV [][]byte
	blocks     [][]block
}

// load appends a tile, [n][NumKVHeads][dim], to the layer, and encodes the blocks
// that it fills.
func (e *exactRows) load(l *Layer, s Step, k, v []float32) {
	heads := len(l.Heads)
	if e.k == nil {
		e.k, e.v, e.bufK, e.bufV = make([][]byte, heads), make([][]byte, heads), make([][]byte, heads), make([][]byte, heads)
		e.blocks = make([][]block, heads)
	}
	if len(s.Pos) < BlockRows {
		for h := range l.Heads {
			e.append(&l.Heads[h], h, s, k, v)
		}
	} else {
		l.Run(heads, func(h int) { e.append(&l.Heads[h], h, s, k, v) })
	}
	most := 0
	for _, b := range e.blocks {
		most = max(most, len(b))
	}
	if most > 0 {
		l.Run(2*most*heads, func(i int) { e.encode(i/2%heads, i/2/heads, i%2) })
	}
}

// append appends a tile's rows to head h.
func (e *exactRows) append(hd *Head, h int, s Step, k, v []float32) {
	hd.label(s)
	bufK, bufV := &e.bufK[h], &e.bufV[h]
	if hd.Len()-hd.sealed <= BlockRows {
		bufK, bufV = &hd.tailK, &hd.tailV
		full := quant.F32.Size(BlockRows, hd.dim)
		*bufK, *bufV = slices.Grow(*bufK, full-len(*bufK)), slices.Grow(*bufV, full-len(*bufV))
	} else {
		*bufK, *bufV = append((*bufK)[:0], hd.tailK...), append((*bufV)[:0], hd.tailV...)
	}
	heads := len(e.k)
	appendRows(bufK, k, len(s.Pos), heads, h, hd.dim)
	appendRows(bufV, v, len(s.Pos), heads, h, hd.dim)
	e.k[h], e.v[h] = *bufK, *bufV
	e.reserve(hd, h)
}

// label appends the columns of a tile's rows.
func (hd *Head) label(s Step) {
	old := len(hd.pos)
	hd.pos = append(hd.pos, s.Pos...)
	if s.Kind != nil && hd.kind == nil {
		hd.kind = make([]uint8, old)
	}
	if hd.kind != nil {
		hd.kind = append(hd.kind, make([]uint8, len(s.Pos))...)
		copy(hd.kind[old:], s.Kind)
	}
	if hd.score != nil {
		hd.Score()
	}
}

// appendRows appends to dst head h's rows of x [n][heads][dim] as float32.
func appendRows(dst *[]byte, x []float32, n, heads, h, dim int) {
	size, at := quant.F32.Size(1, dim), len(*dst)
	*dst = slices.Grow(*dst, n*size)[:at+n*size]
	for t := range n {
		quant.F32.Encode((*dst)[at+t*size:], x[(t*heads+h)*dim:][:dim], 1, dim)
	}
}

// reserve makes the blocks that head h's rows fill, which are to be encoded.
func (e *exactRows) reserve(hd *Head, h int) {
	e.blocks[h] = e.blocks[h][:0]
	n := len(e.k[h]) / quant.F32.Size(BlockRows, hd.dim)
	if n == 0 {
		return
	}
	mem := make([]byte, n*(hd.k.Size(BlockRows, hd.dim)+hd.v.Size(BlockRows, hd.dim)))
	take := func(f quant.Format) quant.Matrix {
		size := f.Size(BlockRows, hd.dim)
		m := quant.Matrix{Format: f, Rows: BlockRows, Cols: hd.dim, Data: mem[:size:size]}
		mem = mem[size:]
		return m
	}
	for range n {
		e.blocks[h] = append(e.blocks[h], block{k: take(hd.k), v: take(hd.v), live: ascending[:]})
	}
	extentOf(e.blocks[h])
}

// encode encodes the keys of block j of head h, or the values for part 1, if there
// is such a block. Goroutines may do different ones at the same time.
func (e *exactRows) encode(h, j, part int) {
	if j >= len(e.blocks[h]) {
		return
	}
	m, x := e.blocks[h][j].k, e.k[h]
	if part == 1 {
		m, x = e.blocks[h][j].v, e.v[h]
	}
	row := encodeScratch.Get().(*[]float32)
	defer encodeScratch.Put(row)
	n := BlockRows * m.Cols
	*row = slices.Grow((*row)[:0], n)[:n]
	f32(x, m.Cols).Decode(*row, j*BlockRows, (j+1)*BlockRows)
	m.Format.Encode(m.Data, *row, BlockRows, m.Cols)
}

// encodeScratch has the rows of a block.
var encodeScratch = sync.Pool{New: func() any { return new([]float32) }}

// store moves the rows into the layer: full blocks, and the rest as its tail.
func (e *exactRows) store(l *Layer) {
	for h := range l.Heads {
		if len(e.blocks[h]) == 0 {
			continue // rows that fill no block are in the tail already
		}
		hd := &l.Heads[h]
		done := len(e.blocks[h]) * quant.F32.Size(BlockRows, hd.dim)
		hd.blocks = append(hd.blocks, e.blocks[h]...)
		hd.join()
		clear(e.blocks[h])
		e.blocks[h] = e.blocks[h][:0]
		hd.tailK = append(hd.tailK[:0], e.k[h][done:]...)
		hd.tailV = append(hd.tailV[:0], e.v[h][done:]...)
	}
}
