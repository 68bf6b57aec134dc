package kvcache

import (
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// gathered is a copy of some of a head's rows, side by side in blocks of their
// own.
type gathered struct {
	k, v  []byte           // memory of the blocks
	spans []attention.Span // the blocks, whole
	pos   []int32
	slot  []int32 // the head's slot of each row, ascending; gone: of a row that it dropped
	own   bool    // no fork has the same memory

	from [BlockRows]int32 // memory of fill
}

const gone = -1

// Gather copies the rows in the given slots, which must ascend, for plans that
// Pick them again and again: attention then reads the copy, from end to end, and
// not blocks most of whose rows it would pass over. It shows the same rows with
// the same values. Rows in no block yet are not copied, nor any where rows of a
// block share scales.
//
// A head has one copy, which counts in Bytes and is not saved. A plan that
// watches or shifts does without it. It lasts until the next Gather, Replace or
// Truncate; no slots free it.
func (hd *Head) Gather(slots []int32) {
	for j, s := range slots {
		if s < 0 || int(s) >= hd.Len() || j > 0 && slots[j-1] >= s {
			panic(fmt.Sprintf("kvcache: Gather: got slot %d at %d of %d, want ascending slots below %d", s, j, len(slots), hd.Len()))
		}
	}
	if len(slots) == 0 || hd.sealed == 0 || hd.shareScales() {
		hd.gathered = nil
		return
	}
	g := hd.gathered
	if g == nil || !g.own {
		g = &gathered{own: true}
	}
	g.slot = append(g.slot[:0], slots...)
	if v := hd.hidden; v != nil {
		for j, s := range g.slot {
			g.slot[j] = int32(v.slot(int(s)))
		}
	}
	n, _ := slices.BinarySearch(g.slot, int32(hd.sealed))
	g.slot = g.slot[:n]
	g.lay(hd)
	g.fill(hd)
	hd.gathered = g
}

// shareScales reports whether encoded rows mean nothing without their block.
func (hd *Head) shareScales() bool {
	return quant.Header(hd.k, hd.dim)+quant.Header(hd.v, hd.dim) > 0
}

// lay makes the blocks, whose contents are yet to come.
func (g *gathered) lay(hd *Head) {
	n := len(g.slot)
	g.k, g.v = sized(g.k, hd.k.Size(n, hd.dim)), sized(g.v, hd.v.Size(n, hd.dim))
	g.pos = g.pos[:0]
	for _, s := range g.slot {
		g.pos = append(g.pos, hd.pos[s])
	}
	g.spans = g.spans[:0]
	for at := 0; at < n; at += BlockRows {
		end := min(at+BlockRows, n)
		part := func(f quant.Format, data []byte) quant.Matrix {
			return quant.Matrix{Format: f, Rows: end - at, Cols: hd.dim, Data: data[f.Size(at, hd.dim):f.Size(end, hd.dim)]}
		}
		g.spans = append(g.spans, attention.Span{
			K: part(hd.k, g.k), V: part(hd.v, g.v), Pos: g.pos[at:end], Until: attention.Forever,
		})
	}
}

// sized returns n bytes, in the memory of x if it is about as large.
func sized(x []byte, n int) []byte {
	if cap(x) < n || cap(x) > 2*n {
		return make([]byte, n)
	}
	return x[:n]
}

// fill copies the rows into the blocks.
func (g *gathered) fill(hd *Head) {
	at, base := 0, 0
	for i := range hd.blocks {
		b := &hd.blocks[i]
		end := base + len(b.live)
		for at < len(g.slot) && int(g.slot[at]) < end {
			to, n := &g.spans[at/BlockRows], 0
			first := at % BlockRows
			for first+n < len(to.Pos) && int(g.slot[at+n]) < end {
				g.from[n] = b.live[int(g.slot[at+n])-base]
				n++
			}
			to.K.CopyRows(first, b.k, g.from[:n])
			to.V.CopyRows(first, b.v, g.from[:n])
			at += n
		}
		base = end
	}
}

// show shows those of the picked rows that were copied, and leaves the others to
// be shown.
func (g *gathered) show(sh *shower) {
	pick, rest := sh.pick, sh.a.take(len(sh.pick))[:0]
	for i := range g.spans {
		s, at := g.spans[i], i*BlockRows
		rows := sh.a.take(len(s.Pos))[:0]
		for j, slot := range g.slot[at:][:len(s.Pos)] {
			for len(pick) > 0 && pick[0] < slot {
				rest, pick = append(rest, pick[0]), pick[1:]
			}
			if len(pick) > 0 && pick[0] == slot {
				rows, pick = append(rows, int32(j)), pick[1:]
			}
		}
		if len(rows) == 0 {
			continue
		}
		if len(rows) < len(s.Pos) {
			pos := sh.a.take(len(rows))
			for i, j := range rows {
				pos[i] = s.Pos[j]
			}
			s.Pick, s.Pos = rows, pos
		}
		s.At = sh.at
		sh.at += int32(len(s.Pos))
		sh.out = append(sh.out, s)
	}
	sh.pick = append(rest, pick...)
}

// keep follows the rows when the head keeps those in idx alone.
func (g *gathered) keep(idx []int32) {
	if g == nil {
		return
	}
	to := 0
	for j, s := range g.slot {
		if s == gone {
			continue
		}
		for to < len(idx) && idx[to] < s {
			to++
		}
		if g.slot[j] = gone; to < len(idx) && idx[to] == s {
			g.slot[j] = int32(to)
		}
	}
}

// drop follows them when the head drops slots lo..hi-1.
func (g *gathered) drop(lo, hi int) {
	if g == nil {
		return
	}
	for j, s := range g.slot {
		switch {
		case int(s) >= hi:
			g.slot[j] = s - int32(hi-lo)
		case int(s) >= lo:
			g.slot[j] = gone
		}
	}
}

// clone shares the rows with a clone of the head.
func (g *gathered) clone() *gathered {
	if g == nil {
		return nil
	}
	g.own = false
	c := *g
	c.slot = slices.Clone(g.slot)
	return &c
}

// gatheredColumns is a copied row's position and slot.
const gatheredColumns = 4 + 4

func (g *gathered) bytes() int64 {
	if g == nil {
		return 0
	}
	return int64(len(g.k) + len(g.v) + gatheredColumns*len(g.slot))
}
