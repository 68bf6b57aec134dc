package kvcache

import (
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/quant"
)

// Clone returns the head as it is now: full blocks are shared, which is safe
// because they never change; the rest is copied.
func (hd *Head) Clone() Head {
	for j := range hd.blocks {
		hd.blocks[j].own = false
	}
	c := *hd
	c.listed, c.hidden, c.gathered = nil, hd.hidden.clone(), hd.gathered.clone()
	c.blocks = slices.Clone(hd.blocks)
	c.tailK, c.tailV = slices.Clone(hd.tailK), slices.Clone(hd.tailV)
	c.pos, c.kind, c.score = slices.Clone(hd.pos), slices.Clone(hd.kind), slices.Clone(hd.score)
	return c
}

// Replace makes k and v, [len(slots)][Dim] each, the rows of some slots, which
// must ascend. Blocks that hold them are encoded anew, other rows of theirs as
// they were decoded.
func (hd *Head) Replace(slots []int32, k, v []float32) {
	for j, s := range slots {
		if s < 0 || int(s) >= hd.Len() || j > 0 && slots[j-1] >= s {
			panic(fmt.Sprintf("kvcache: Replace: got slot %d at %d of %d, want ascending slots below %d", s, j, len(slots), hd.Len()))
		}
	}
	if len(k) != len(slots)*hd.dim || len(v) != len(k) {
		panic(fmt.Sprintf("kvcache: Replace: got %d and %d values, want %d slots of %d", len(k), len(v), len(slots), hd.dim))
	}
	if v := hd.hidden; v != nil {
		own := make([]int32, len(slots))
		for j, s := range slots {
			own[j] = int32(v.slot(int(s)))
		}
		slots = own
	}
	hd.unlist()
	hd.gathered = nil
	base, at := 0, 0
	for i := 0; i < len(hd.blocks); {
		extent := hd.blocks[i:extentEnd(hd.blocks, i)]
		before := at
		for j := range extent {
			b := &extent[j]
			n, _ := slices.BinarySearch(slots[at:], int32(base+len(b.live)))
			if n > 0 {
				b.replace(slots[at:at+n], base, k[at*hd.dim:], v[at*hd.dim:])
			}
			base += len(b.live)
			at += n
		}
		if at > before {
			together(extent)
		}
		i += len(extent)
	}
	hd.count()
	size := quant.F32.Size(1, hd.dim)
	for ; at < len(slots); at++ {
		row := (int(slots[at]) - base) * size
		quant.F32.Encode(hd.tailK[row:], k[at*hd.dim:][:hd.dim], 1, hd.dim)
		quant.F32.Encode(hd.tailV[row:], v[at*hd.dim:][:hd.dim], 1, hd.dim)
	}
}

// replace encodes the block anew; base is the slot of its first live row.
func (b *block) replace(slots []int32, base int, k, v []float32) {
	for _, m := range []struct {
		m *quant.Matrix
		x []float32
	}{{&b.k, k}, {&b.v, v}} {
		dim := m.m.Cols
		rows := make([]float32, m.m.Rows*dim)
		m.m.Decode(rows, 0, m.m.Rows)
		for i, s := range slots {
			copy(rows[int(b.live[int(s)-base])*dim:][:dim], m.x[i*dim:])
		}
		*m.m = quant.Pack(m.m.Format, rows, m.m.Rows, dim)
	}
}
