package kvcache

import (
	"slices"
	"sort"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// spans lists what head h of l shows: its blocks, then the rows on their way
// into blocks, each exactly to the queries of its own block and encoded to
// those after it. So a query sees the same however the prompt was cut. What is
// narrowed by a plan is written to buf.
func (c *Cache) spans(l *Layer, h int, plan Plan, buf *[]attention.Span) []attention.Span {
	hd := &l.Heads[h]
	blocks := hd.list()
	if plan.Pick == nil && plan.Shift == 0 {
		all := c.unsealed(hd, h, shower{out: blocks, at: int32(hd.sealed)})
		hd.listed = all[:len(blocks)]
		return all
	}
	sh := shower{a: &c.work.ints, plan: plan, out: (*buf)[:0]}
	if plan.Pick != nil {
		if sh.pick = plan.Pick[h]; hd.gathered != nil && plan.Watch <= 0 && plan.Shift == 0 {
			hd.gathered.show(&sh)
		}
	}
	for ; len(blocks) > 0; blocks = blocks[1:] {
		if plan.Pick != nil {
			if blocks = sh.skip(blocks); len(blocks) == 0 {
				break
			}
		}
		sh.show(blocks[0], int(blocks[0].At))
	}
	*buf = c.unsealed(hd, h, sh)
	return *buf
}

// fewSpans is room that spares a short history growing its list again and again.
const fewSpans = 8

// list returns the spans of the blocks, whole. They are listed once, so that a
// step costs the same behind a long prompt as behind a short one, and again when
// the column of positions has grown out of its place.
func (hd *Head) list() []attention.Span {
	if len(hd.listed) > 0 && &hd.listed[0].Pos[0] != &hd.pos[0] {
		hd.listed = hd.listed[:0]
	}
	if hd.listed == nil {
		hd.listed = make([]attention.Span, 0, fewSpans)
	}
	at := 0
	if n := len(hd.listed); n > 0 {
		at = int(hd.listed[n-1].At) + len(hd.listed[n-1].Pos)
	}
	for i := len(hd.listed); i < len(hd.blocks); i++ {
		b := &hd.blocks[i]
		hd.listed = append(hd.listed, attention.Span{
			K: b.k, V: b.v, Pick: b.picked(), Pos: hd.pos[at : at+len(b.live)], At: int32(at), Until: attention.Forever,
		})
		at += len(b.live)
	}
	return hd.listed
}

// unlist forgets the list, and whatever it refers to, after blocks have changed.
func (hd *Head) unlist() {
	if cap(hd.listed) > 2*len(hd.blocks)+fewSpans {
		hd.listed = nil
	}
	clear(hd.listed[:cap(hd.listed)])
	hd.listed = hd.listed[:0]
}

// unsealed adds to sh the rows that are in no block yet.
func (c *Cache) unsealed(hd *Head, h int, sh shower) []attention.Span {
	slot := hd.sealed
	lossless := hd.k == quant.F32 && hd.v == quant.F32
	exactK, exactV := f32(c.exact.k[h], hd.dim), f32(c.exact.v[h], hd.dim)
	for at := 0; at < exactK.Rows; at += BlockRows {
		n := min(BlockRows, exactK.Rows-at)
		s := attention.Span{K: rows(exactK, at, n), V: rows(exactV, at, n), Pos: hd.pos[slot : slot+n], Until: attention.Forever}
		if j := at / BlockRows; n == BlockRows && !lossless {
			b := &c.exact.blocks[h][j]
			enc := s
			s.Until = s.Pos[n-1] + 1
			enc.K, enc.V, enc.From = b.k, b.v, s.Until
			again := sh
			sh.show(s, slot)
			again.out = sh.out
			again.show(enc, slot)
			sh.out = again.out
		} else {
			sh.show(s, slot)
		}
		slot += n
	}
	return sh.out
}

func f32(data []byte, dim int) quant.Matrix {
	return quant.Matrix{Format: quant.F32, Rows: len(data) / quant.F32.Size(1, dim), Cols: dim, Data: data}
}

func rows(m quant.Matrix, lo, n int) quant.Matrix {
	size := m.Format.Size(1, m.Cols)
	return quant.Matrix{Format: m.Format, Rows: n, Cols: m.Cols, Data: m.Data[lo*size : (lo+n)*size]}
}

// picked returns the block's live rows, nil for all.
func (b *block) picked() []int32 {
	if len(b.live) == b.k.Rows {
		return nil
	}
	return b.live
}

// shower applies a plan to spans in slot order.
type shower struct {
	a    *arena[int32]
	plan Plan
	pick []int32 // slots still to show
	at   int32   // rows shown so far
	out  []attention.Span
}

// show adds the part of s, whose first slot is given, that the plan shows.
func (sh *shower) show(s attention.Span, slot int) {
	n := len(s.Pos)
	if sh.plan.Pick != nil {
		m, _ := slices.BinarySearch(sh.pick, int32(slot+n))
		s = sh.choose(s, slot, sh.pick[:m])
		sh.pick = sh.pick[m:]
	}
	s.At = sh.at
	sh.at += int32(len(s.Pos))
	if len(s.Pos) == 0 {
		return
	}
	if lead := sh.plan.Lead - slot; sh.plan.Shift != 0 && lead > 0 {
		sh.split(s, min(lead, len(s.Pos)))
		return
	}
	sh.out = append(sh.out, s)
}

// skip returns the blocks from the one on that has the next picked slot.
func (sh *shower) skip(blocks []attention.Span) []attention.Span {
	if len(sh.pick) == 0 {
		return nil
	}
	next := sort.Search(len(blocks), func(i int) bool { return blocks[i].At > sh.pick[0] })
	return blocks[max(0, next-1):]
}

// choose narrows s to the given slots.
func (sh *shower) choose(s attention.Span, slot int, pick []int32) attention.Span {
	rows, pos := sh.a.take(len(pick)), sh.a.take(len(pick))
	for i, p := range pick {
		j := p - int32(slot)
		pos[i] = s.Pos[j]
		if s.Pick != nil {
			j = s.Pick[j]
		}
		rows[i] = j
	}
	s.Pick, s.Pos = rows, pos
	return s
}

// split shows the first lead rows of s shifted and the others as they are.
func (sh *shower) split(s attention.Span, lead int) {
	if s.Pick == nil {
		s.Pick = ascending[:len(s.Pos)]
	}
	moved, rest := s, s
	moved.Pos, moved.Pick, moved.Shift = s.Pos[:lead], s.Pick[:lead], sh.plan.Shift
	sh.out = append(sh.out, moved)
	if lead < len(s.Pos) {
		rest.Pos, rest.Pick, rest.At = s.Pos[lead:], s.Pick[lead:], s.At+int32(lead)
		sh.out = append(sh.out, rest)
	}
}
