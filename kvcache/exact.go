package kvcache

import (
	"slices"

	"github.com/winnowlm/winnow/quant"
)

// exactRows holds, for the layer in hand, the rows that are not yet in blocks:
// each head's tail and the tile's rows, as float32, and the blocks that they
// fill, encoded already because later queries of the tile see them so.
type exactRows struct {
	k, v       [][]byte // [NumKVHeads] float32 [tail+tile][dim]: the tail itself while the rows fit, else a buffer
	bufK, bufV [][]byte
	blocks     [][]block
	row        []float32 // one block, for encoding
}

// load appends a tile, [n][NumKVHeads][dim], to the layer.
func (e *exactRows) load(l *Layer, s Step, k, v []float32) {
	heads := len(l.Heads)
	if e.k == nil {
		e.k, e.v, e.bufK, e.bufV = make([][]byte, heads), make([][]byte, heads), make([][]byte, heads), make([][]byte, heads)
		e.blocks = make([][]block, heads)
	}
	for h := range l.Heads {
		hd := &l.Heads[h]
		hd.label(s)
		bufK, bufV := &e.bufK[h], &e.bufV[h]
		if hd.Len()-hd.sealed <= BlockRows {
			bufK, bufV = &hd.tailK, &hd.tailV
		} else {
			*bufK, *bufV = append((*bufK)[:0], hd.tailK...), append((*bufV)[:0], hd.tailV...)
		}
		appendRows(bufK, k, len(s.Pos), heads, h, hd.dim)
		appendRows(bufV, v, len(s.Pos), heads, h, hd.dim)
		e.k[h], e.v[h] = *bufK, *bufV
		e.encode(hd, h)
	}
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

// encode makes the blocks that head h's rows fill.
func (e *exactRows) encode(hd *Head, h int) {
	e.blocks[h] = e.blocks[h][:0]
	rows := len(e.k[h]) / quant.F32.Size(1, hd.dim)
	n := rows / BlockRows
	if n == 0 {
		return
	}
	mem := make([]byte, n*(hd.k.Size(BlockRows, hd.dim)+hd.v.Size(BlockRows, hd.dim)))
	for j := range n {
		k := e.encodeTo(&mem, hd.k, f32(e.k[h], hd.dim), j*BlockRows)
		v := e.encodeTo(&mem, hd.v, f32(e.v[h], hd.dim), j*BlockRows)
		e.blocks[h] = append(e.blocks[h], block{k: k, v: v, live: ascending[:]})
	}
	extentOf(e.blocks[h])
}

// encodeTo encodes rows j, …, j+BlockRows-1 of x at the beginning of mem, which
// becomes the rest.
func (e *exactRows) encodeTo(mem *[]byte, f quant.Format, x quant.Matrix, j int) quant.Matrix {
	if len(e.row) < BlockRows*x.Cols {
		e.row = make([]float32, BlockRows*x.Cols)
	}
	x.Decode(e.row, j, j+BlockRows)
	size := f.Size(BlockRows, x.Cols)
	m := quant.Matrix{Format: f, Rows: BlockRows, Cols: x.Cols, Data: (*mem)[:size:size]}
	*mem = (*mem)[size:]
	f.Encode(m.Data, e.row, m.Rows, m.Cols)
	return m
}

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
