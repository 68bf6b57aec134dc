package policy

import (
	"math"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// moves says which row that stays each row that left a head is most like.
type moves struct {
	from   *kvcache.Head // before rows were dropped
	slot   []int32       // in from, ascending
	to     []int32       // in the head now; -1: nowhere
	cosine []float64     // of the two keys
}

// nearest compares the keys of the rows that left with those that stay.
func nearest(before, now *kvcache.Head) moves {
	m := moves{from: before}
	rest := now.Pos()
	for j, pos := range before.Pos() {
		if len(rest) > 0 && rest[0] == pos {
			rest = rest[1:]
		} else {
			m.slot = append(m.slot, int32(j))
		}
	}
	kept, dim := now.Len(), now.Dim()
	if len(m.slot) == 0 || kept == 0 {
		m.slot = nil
		return m
	}
	keys := make([]float32, kept*dim)
	now.Rows(keys, nil, 0, kept)
	unit(keys, dim)
	stay := quant.Pack(quant.F32, keys, kept, dim)
	x, like := make([]float32, kvcache.BlockRows*dim), make([]float32, kvcache.BlockRows*kept)
	for lo := 0; lo < len(m.slot); lo += kvcache.BlockRows {
		n := min(kvcache.BlockRows, len(m.slot)-lo)
		for i, slot := range m.slot[lo : lo+n] {
			before.Rows(x[i*dim:][:dim], nil, int(slot), int(slot)+1)
		}
		unit(x[:n*dim], dim)
		var in quant.Input
		in.Set(x, n, dim)
		stay.MulT(like, kept, &in, 0, kept)
		for i := range n {
			own, to := like[i*kept:][:kept], 0
			for j, c := range own {
				if c > own[to] {
					to = j
				}
			}
			m.to, m.cosine = append(m.to, int32(to)), append(m.cosine, float64(own[to]))
		}
	}
	return m
}

// unit scales rows to length 1; those of zeros stay.
func unit(x []float32, dim int) {
	for ; len(x) > 0; x = x[dim:] {
		row := x[:dim]
		length := float32(math.Sqrt(dot(row, row)))
		for d := range row {
			if length > 0 {
				row[d] /= length
			}
		}
	}
}

// filter sends nowhere what is, in the mean over the heads, less alike than
// all are.
func filter(heads []moves) {
	most, all, n := 0, 0.0, 0
	for _, m := range heads {
		most = max(most, len(m.to))
		for _, c := range m.cosine {
			all, n = all+c, n+1
		}
	}
	for i := range most {
		sum, have := 0.0, 0
		for _, m := range heads {
			if i < len(m.to) {
				sum, have = sum+m.cosine[i], have+1
			}
		}
		if sum/float64(have) >= all/float64(n) {
			continue
		}
		for _, m := range heads {
			if i < len(m.to) {
				m.to[i] = -1
			}
		}
	}
}
