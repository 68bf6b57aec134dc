package kvcache

import (
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/quant"
)

// Keep drops every slot that is not in idx, which must ascend.
func (hd *Head) Keep(idx []int32) {
	for j, s := range idx {
		if s < 0 || int(s) >= hd.Len() || j > 0 && idx[j-1] >= s {
			panic(fmt.Sprintf("kvcache: Keep: got slot %d at %d of %d, want ascending slots below %d", s, j, len(idx), hd.Len()))
		}
	}
	if len(idx) == hd.Len() {
		return
	}
	if v := hd.hidden; v != nil {
		v.store(hd)
		hd.keep(v.with(make([]int32, 0, len(hd.pos)), idx, len(hd.pos)))
		v.look(hd)
		return
	}
	hd.keep(idx)
}

// keep is Keep for the head's own slots.
func (hd *Head) keep(idx []int32) {
	base, rest := 0, idx
	for i := range hd.blocks {
		b := &hd.blocks[i]
		n, _ := slices.BinarySearch(rest, int32(base+len(b.live)))
		old := len(b.live)
		b.keep(rest[:n], base)
		base += old
		rest = rest[n:]
	}
	hd.tailK = keepRows(hd.tailK, rest, base, quant.F32.Size(1, hd.dim))
	hd.tailV = keepRows(hd.tailV, rest, base, quant.F32.Size(1, hd.dim))
	if hd.score != nil {
		hd.score = keepColumn(hd.fillScore(), idx)
	}
	hd.gathered.keep(idx)
	hd.pos = keepColumn(hd.pos, idx)
	if hd.kind != nil {
		hd.kind = keepColumn(hd.kind, idx)
	}
	hd.compact(0)
}

// Drop drops the slots lo..hi-1.
func (hd *Head) Drop(lo, hi int) {
	if lo < 0 || lo > hi || hi > hd.Len() {
		panic(fmt.Sprintf("kvcache: Drop: got slots %d..%d, want some of %d", lo, hi, hd.Len()))
	}
	if lo == hi {
		return
	}
	if v := hd.hidden; v != nil {
		v.store(hd)
		v.each(lo, hi, func(from, n int) { hd.drop(from, from+n) })
		v.look(hd)
		return
	}
	hd.drop(lo, hi)
}

// drop is Drop for the head's own slots.
func (hd *Head) drop(lo, hi int) {
	base := 0
	for i := range hd.blocks {
		b := &hd.blocks[i]
		n := len(b.live)
		b.drop(max(0, min(n, lo-base)), max(0, min(n, hi-base)))
		base += n
	}
	size := quant.F32.Size(1, hd.dim)
	from, to := max(0, lo-base)*size, max(0, hi-base)*size
	hd.tailK = slices.Delete(hd.tailK, from, to)
	hd.tailV = slices.Delete(hd.tailV, from, to)
	if hd.score != nil {
		hd.score = snug(slices.Delete(hd.fillScore(), lo, hi))
	}
	hd.gathered.drop(lo, hi)
	hd.pos = snug(slices.Delete(hd.pos, lo, hi))
	if hd.kind != nil {
		hd.kind = snug(slices.Delete(hd.kind, lo, hi))
	}
	hd.compact(slackShare)
}

// keep narrows the live rows to those of the given slots; base is the block's
// first slot.
func (b *block) keep(slots []int32, base int) {
	if len(slots) == len(b.live) {
		return
	}
	live := make([]int32, len(slots))
	for j, s := range slots {
		live[j] = b.live[int(s)-base]
	}
	b.live, b.own = live, true
}

// drop removes live rows lo..hi-1, and allocates at most the first time.
func (b *block) drop(lo, hi int) {
	switch {
	case lo == hi:
	case lo == 0:
		b.live = b.live[hi:]
	case hi == len(b.live):
		b.live = b.live[:lo]
	case b.own:
		b.live = slices.Delete(b.live, lo, hi)
	default:
		b.live, b.own = slices.Concat(b.live[:lo], b.live[hi:]), true
	}
}

func keepRows(x []byte, slots []int32, base, size int) []byte {
	for j, s := range slots {
		copy(x[j*size:], x[(int(s)-base)*size:][:size])
	}
	return x[:len(slots)*size]
}

func keepColumn[T any](x []T, idx []int32) []T {
	for j, i := range idx {
		x[j] = x[i]
	}
	return snug(x[:len(idx)])
}

// snug moves x to memory of its own if it is much less than it has been.
func snug[T any](x []T) []T {
	if cap(x) <= 2*len(x)+2*BlockRows {
		return x
	}
	return append(make([]T, 0, len(x)+BlockRows), x...)
}

// slackShare bounds what rows that were dropped may still occupy: one block, or
// this share of the head's blocks. A head that loses a row a step is so
// rewritten once in many steps.
const slackShare = 8

// compact frees the memory of evicted rows when there is more of it than the
// share of slack, none for 0. Shortened blocks are gathered with their neighbours
// into full ones, blocks of extents that have lost others are copied to new ones.
// Encoded rows are copied, never encoded anew, so that when it happens changes no
// value; and what lies where says nothing about which blocks there are.
func (hd *Head) compact(share int) {
	defer hd.unlist()
	hd.blocks = snug(slices.DeleteFunc(hd.blocks, func(b block) bool { return len(b.live) == 0 }))
	stored, held := hd.count()
	slack := func(rows int) bool {
		dead := rows - hd.sealed
		return dead > 0 && (share == 0 || dead > max(BlockRows, rows/share))
	}
	packed := slack(stored)
	if packed {
		hd.repack()
	}
	if packed || slack(held) {
		hd.move()
		hd.count()
	}
}

// repack gathers the rows of shortened neighbours. Where rows of a block share
// scales, they stay with them: such a block shrinks by itself.
func (hd *Head) repack() {
	alone := hd.shareScales()
	old := hd.blocks
	hd.blocks = nil
	for i := 0; i < len(old); {
		if len(old[i].live) == old[i].k.Rows {
			hd.blocks = append(hd.blocks, old[i])
			i++
			continue
		}
		run := i + 1
		for run < len(old) && len(old[run].live) < old[run].k.Rows && !alone {
			run++
		}
		hd.gather(old[i:run])
		i = run
	}
}

// gather appends the live rows of shortened blocks as blocks that are full, but
// for the last.
func (hd *Head) gather(blocks []block) {
	total := 0
	for i := range blocks {
		total += len(blocks[i].live)
	}
	var next block
	n := 0
	for i := range blocks {
		for live := blocks[i].live; len(live) > 0; {
			if n == 0 {
				next = hd.blank(min(BlockRows, total))
				copy(next.k.Data[:quant.Header(hd.k, hd.dim)], blocks[i].k.Data)
				copy(next.v.Data[:quant.Header(hd.v, hd.dim)], blocks[i].v.Data)
			}
			some := live[:min(len(live), next.k.Rows-n)]
			next.k.CopyRows(n, blocks[i].k, some)
			next.v.CopyRows(n, blocks[i].v, some)
			live = live[len(some):]
			if n += len(some); n == next.k.Rows {
				hd.blocks = append(hd.blocks, next)
				total -= n
				n = 0
			}
		}
	}
}

func (hd *Head) blank(rows int) block {
	mat := func(f quant.Format) quant.Matrix {
		return quant.Matrix{Format: f, Rows: rows, Cols: hd.dim, Data: make([]byte, f.Size(rows, hd.dim))}
	}
	return block{k: mat(hd.k), v: mat(hd.v), live: ascending[:rows]}
}
