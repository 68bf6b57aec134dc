package sample

import "math"

// rank packs a logit and an id so that comparing integers orders tokens: the greater rank comes first, which is the
// greater logit and, among equal logits, the lower id. A logit of −0 becomes +0.
type rank uint64

func rankOf(logit float32, id int32) rank {
	b := math.Float32bits(logit)
	switch {
	case logit == 0:
		b = 1 << 31
	case b>>31 != 0:
		b = ^b
	default:
		b |= 1 << 31
	}
	return rank(b)<<32 | rank(^uint32(id))
}

func (r rank) id() int32 { return int32(^uint32(r)) }

func (r rank) logit() float32 {
	b := uint32(r >> 32)
	if b>>31 != 0 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	return math.Float32frombits(^b)
}

// heapify makes h a binary heap with the greatest rank at h[0].
func heapify(h []rank) {
	for i := len(h)/2 - 1; i >= 0; i-- {
		siftDown(h, i)
	}
}

// siftDown restores the heap below i after h[i] was replaced.
func siftDown(h []rank, i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] > h[child] {
			child++
		}
		if h[i] >= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
