package kvcache

import (
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// BlockRows is the number of rows encoded together.
const BlockRows = attention.BlockRows

// Layer is one layer's part of a cache, as policies see it.
type Layer struct {
	Index, NumLayers int
	Group            int               // query heads per KV head
	Heads            []Head            // [NumKVHeads]; lengths may differ
	Weights          attention.Weights // of the model; zero unless Config.Model says
	Memo             Memo              // a policy's notes; cloned by Fork, dropped by Truncate, not saved

	seen   *attention.Scores           // attention recorded so far in an unfinished prompt
	bytes  int64                       // of all heads
	work   *workspace                  // of the cache
	run    func(n int, do func(i int)) // Config.Model's; nil without one
	hidden []hidden                    // [NumKVHeads] memory for hiding pinned rows
}

// Memo is what a policy remembers of a layer beside the rows' scores. The
// policy may change it in place: a fork gets its clone.
type Memo interface{ Clone() Memo }

// Floats returns n values of scratch memory, not cleared, that last until the
// step's tile is done. A policy that needs some in each step so allocates none.
func (l *Layer) Floats(n int) []float32 { return l.work.floats.take(n) }

// Slots is Floats for slots.
func (l *Layer) Slots(n int) []int32 { return l.work.ints.take(n) }

// Run calls do for each i in [0, n), on several goroutines at once if Config.Model
// has them. Floats and Slots are not for them.
func (l *Layer) Run(n int, do func(i int)) {
	if l.run != nil {
		l.run(n, do)
		return
	}
	for i := range n {
		do(i)
	}
}

func newLayer(i int, shape Shape, cfg Config) Layer {
	l := Layer{Index: i, NumLayers: shape.NumLayers, Group: shape.NumHeads / shape.NumKVHeads, Heads: make([]Head, shape.NumKVHeads)}
	for h := range l.Heads {
		l.Heads[h] = Head{dim: shape.HeadDim, k: quant.Keys(cfg.K, shape.HeadDim), v: quant.Values(cfg.V)}
	}
	return l
}

// count brings l.bytes up to date and returns it.
func (l *Layer) count() int64 {
	l.bytes = 0
	for h := range l.Heads {
		l.bytes += l.Heads[h].bytes()
	}
	return l.bytes
}

// Head is the history of one KV head: rows in ascending position. Full blocks
// are encoded and never change, so that forks share them; the rows since the
// last full block, the tail, are exact.
type Head struct {
	dim        int
	k, v       quant.Format
	blocks     []block
	blockBytes int64  // of all extents
	sealed     int    // rows in blocks
	tailK      []byte // float32, [Len-sealed][dim]
	tailV      []byte

	pos   []int32
	kind  []uint8   // nil: all 0
	score []float32 // nil: all 0

	hidden *hidden // the pinned rows, while a policy is asked; else nil

	gathered *gathered // what Gather copied; nil: nothing

	listed []attention.Span // the first blocks, or none, as they are shown whole
}

// block is up to BlockRows encoded rows. The data never changes; eviction
// shortens live until rewriting pays.
type block struct {
	k, v quant.Matrix
	in   *extent
	live []int32 // rows not evicted, ascending
	own  bool    // live belongs to this head alone
}

// ascending is 0, 1, …: the live rows of a block that lost none. Never written.
var ascending = func() (idx [BlockRows]int32) {
	for j := range idx {
		idx[j] = int32(j)
	}
	return
}()

// Len returns the number of rows.
func (hd *Head) Len() int { return len(hd.Pos()) }

// Dim returns the length of a row.
func (hd *Head) Dim() int { return hd.dim }

// Pos returns the position of each slot, ascending. It must not be changed and
// is valid until the head next changes.
func (hd *Head) Pos() []int32 {
	if hd.hidden != nil {
		return hd.hidden.pos
	}
	return hd.pos
}

// Kind returns the kind of the row in a slot.
func (hd *Head) Kind(slot int) uint8 {
	if hd.kind == nil {
		return 0
	}
	if hd.hidden != nil {
		slot = hd.hidden.slot(slot)
	}
	return hd.kind[slot]
}

// Score returns the column that policies may write to: one value a slot, new
// rows start at 0. It travels with its row through eviction, forks and files.
func (hd *Head) Score() []float32 {
	if hd.hidden != nil {
		return hd.hidden.scores(hd)
	}
	return hd.fillScore()
}

// fillScore extends the column to all rows, hidden ones too.
func (hd *Head) fillScore() []float32 {
	if len(hd.score) < len(hd.pos) {
		hd.score = append(hd.score, make([]float32, len(hd.pos)-len(hd.score))...)
	}
	return hd.score
}

// Rows decodes the keys and the values in slots lo..hi-1 to k and v, [hi-lo][Dim]
// each; nil for what is not wanted.
func (hd *Head) Rows(k, v []float32, lo, hi int) {
	if lo < 0 || lo > hi || hi > hd.Len() {
		panic(fmt.Sprintf("kvcache: Rows: got slots %d..%d, want some of %d", lo, hi, hd.Len()))
	}
	if hd.hidden == nil {
		hd.rows(k, v, lo, hi)
		return
	}
	at := hi - lo
	hd.hidden.each(lo, hi, func(from, n int) {
		at -= n
		part := func(x []float32) []float32 {
			if x == nil {
				return nil
			}
			return x[at*hd.dim:]
		}
		hd.rows(part(k), part(v), from, from+n)
	})
}

// rows is Rows for the head's own slots.
func (hd *Head) rows(k, v []float32, lo, hi int) {
	first, base := lo, 0
	for i := range hd.blocks {
		b := &hd.blocks[i]
		for last := min(hi, base+len(b.live)); lo < last; {
			j, n := int(b.live[lo-base]), 1
			for lo+n < last && int(b.live[lo+n-base]) == j+n {
				n++
			}
			hd.decode(k, b.k, lo-first, j, n)
			hd.decode(v, b.v, lo-first, j, n)
			lo += n
		}
		base += len(b.live)
	}
	if lo < hi {
		hd.decode(k, f32(hd.tailK, hd.dim), lo-first, lo-base, hi-lo)
		hd.decode(v, f32(hd.tailV, hd.dim), lo-first, lo-base, hi-lo)
	}
}

// decode writes n rows of m from row j on to dst from row at on, if that is
// wanted.
func (hd *Head) decode(dst []float32, m quant.Matrix, at, j, n int) {
	if dst != nil {
		m.Decode(dst[at*hd.dim:][:n*hd.dim], j, j+n)
	}
}

func (hd *Head) bytes() int64 {
	return hd.blockBytes + int64(len(hd.tailK)+len(hd.tailV)+4*len(hd.pos)+len(hd.kind)+4*len(hd.score)) + hd.gathered.bytes()
}
