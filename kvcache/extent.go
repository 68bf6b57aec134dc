package kvcache

import "github.com/winnowlm/winnow/quant"

// extent is memory of some blocks of a head, one after another, the values of
// each after its keys: what attention reads is then a stream, which the processor
// foresees. It is made whole and never written to again, so that forks share it,
// and freed when none of its blocks is left.
type extent struct {
	blocks, rows int // that were put in it
	bytes        int64
}

const (
	// extentBlocks is the most blocks that are copied into an extent.
	extentBlocks = 32
	// joined is how many extents are copied into one: enough that rows which
	// come one by one are copied but twice.
	joined = 4
)

// extentOf returns the extent that blocks, and no others, lie in.
func extentOf(blocks []block) *extent {
	x := &extent{blocks: len(blocks)}
	for i := range blocks {
		x.rows += blocks[i].k.Rows
		x.bytes += int64(len(blocks[i].k.Data) + len(blocks[i].v.Data))
		blocks[i].in = x
	}
	return x
}

// together copies blocks, as they are, into extents.
func together(blocks []block) {
	for len(blocks) > 0 {
		part := blocks[:min(len(blocks), extentBlocks)]
		mem := make([]byte, 0, extentOf(part).bytes)
		for i := range part {
			for _, m := range []*quant.Matrix{&part[i].k, &part[i].v} {
				at := len(mem)
				mem = append(mem, m.Data...)
				m.Data = mem[at:len(mem):len(mem)]
			}
		}
		blocks = blocks[len(part):]
	}
}

// extentEnd returns the index after the last block that lies in the extent of
// the block at i.
func extentEnd(blocks []block, i int) int {
	x := blocks[i].in
	for i < len(blocks) && blocks[i].in == x {
		i++
	}
	return i
}

// count brings up to date what the head's blocks hold, and returns the rows that
// they have room for and those that their extents have.
func (hd *Head) count() (stored, held int) {
	hd.sealed, hd.blockBytes = 0, 0
	for i := 0; i < len(hd.blocks); {
		x := hd.blocks[i].in
		held += x.rows
		hd.blockBytes += x.bytes
		for end := extentEnd(hd.blocks, i); i < end; i++ {
			stored += hd.blocks[i].k.Rows
			hd.sealed += len(hd.blocks[i].live)
		}
	}
	return stored, held
}

// move copies blocks out of extents that have lost some, and those that are in
// none, together with their neighbours of that kind.
func (hd *Head) move() {
	from := 0
	for i := 0; i < len(hd.blocks); {
		end := extentEnd(hd.blocks, i)
		if x := hd.blocks[i].in; x != nil && end-i == x.blocks {
			together(hd.blocks[from:i])
			from = end
		}
		i = end
	}
	together(hd.blocks[from:])
}

// join copies the last extents into one while they are of about the same size.
func (hd *Head) join() {
	for at := hd.joinable(); at < len(hd.blocks); at = hd.joinable() {
		together(hd.blocks[at:])
		hd.unlist()
	}
	hd.count()
}

// joinable returns the first block of the extents to be joined, the number of
// blocks if there are none.
func (hd *Head) joinable() int {
	at := len(hd.blocks)
	var sizes [joined]int // the last first
	for j := range sizes {
		if at == 0 {
			return len(hd.blocks)
		}
		for x := hd.blocks[at-1].in; at > 0 && hd.blocks[at-1].in == x; at-- {
			sizes[j]++
		}
	}
	if len(hd.blocks)-at > extentBlocks || sizes[joined-1] > 2*sizes[0] {
		return len(hd.blocks)
	}
	return at
}
