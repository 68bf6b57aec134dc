package tokenizer

// A link is a part of a long word in a list: removing one must not move the
// others.
type link struct {
	end        int32 // the part that first stood behind it, 0 once it is merged into another
	prev, next int32
}

// candidate is a merge that was possible when it was queued.
type candidate struct {
	order uint64 // rank, then place: the better merge first, the left one among equals
	end   int32  // the end of the merged part
	id    int32
}

// mergeLong does what mergeShort does, in n log n steps.
func (m *bpe) mergeLong(w *workspace, word string, p []part) []part {
	n := len(p) - 1
	w.links = w.links[:0]
	for i := range n {
		w.links = append(w.links, link{end: int32(i) + 1, prev: int32(i) - 1, next: int32(i) + 1})
	}
	links := w.links
	links[n-1].next = -1
	q := w.queue[:0]
	push := func(i int32) {
		if i < 0 || links[i].next < 0 {
			return
		}
		next := links[i].next
		end := links[next].end
		if rank, id := m.join(word, p, int(i), int(next), int(end)); rank != noRank {
			q = q.push(candidate{uint64(rank)<<32 | uint64(i), end, id})
		}
	}
	for i := range int32(n) {
		push(i)
	}
	for len(q) > 0 {
		var c candidate
		c, q = q.pop()
		i := int32(uint32(c.order))
		next := links[i].next
		// Parts only grow: if both still span the same parts, they are the two that were queued.
		if links[i].end == 0 || next < 0 || links[next].end != c.end {
			continue
		}
		p[i].id, links[i].end, links[i].next = c.id, c.end, links[next].next
		links[next].end = 0
		if after := links[next].next; after >= 0 {
			links[after].prev = i
		}
		push(links[i].prev)
		push(i)
	}
	w.queue = q[:0]
	kept := 0
	for i := range p {
		if i == n || links[i].end != 0 {
			p[kept] = p[i]
			kept++
		}
	}
	return p[:kept]
}

// queue is a binary heap of candidates.
type queue []candidate

func (q queue) push(c candidate) queue {
	q = append(q, c)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if q[up].order <= c.order {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = c
	return q
}

func (q queue) pop() (candidate, queue) {
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	i := 0
	for len(q) > 0 {
		down := 2*i + 1
		if down >= len(q) {
			break
		}
		if down+1 < len(q) && q[down+1].order < q[down].order {
			down++
		}
		if last.order <= q[down].order {
			break
		}
		q[i] = q[down]
		i = down
	}
	if len(q) > 0 {
		q[i] = last
	}
	return top, q
}
