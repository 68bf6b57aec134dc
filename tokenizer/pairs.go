package tokenizer

import (
	"math/bits"
	"math/rand/v2"
)

// pairs maps two neighbouring tokens to the token that they merge to. It is an
// open-addressed table; the random seed keeps a file from choosing collisions.
type pairs struct {
	seed  uint64
	shift uint
	slots []pair
}

type pair struct {
	key  uint64
	rank int32 // the lower, the sooner
	id   int32
}

const noKey = ^uint64(0) // no pair of ids: they are not negative

func newPairs(n int) *pairs {
	log := uint(bits.Len(uint(n) + uint(n)/2))
	p := &pairs{seed: rand.Uint64() | 1, shift: 64 - log, slots: make([]pair, 1<<log)}
	for i := range p.slots {
		p.slots[i].key = noKey
	}
	return p
}

func (p *pairs) slot(left, right int32) *pair {
	key := uint64(uint32(left))<<32 | uint64(uint32(right))
	hi, lo := bits.Mul64(key^0x9e3779b97f4a7c15, p.seed)
	for i := (hi ^ lo*0xd6e8feb86659fd93) >> p.shift; ; i = (i + 1) & uint64(len(p.slots)-1) {
		if s := &p.slots[i]; s.key == key || s.key == noKey {
			return s
		}
	}
}

// put adds a merge, unless the pair has one that came first and keep says so.
func (p *pairs) put(left, right, rank, id int32, keep bool) {
	s := p.slot(left, right)
	if s.key != noKey && keep {
		return
	}
	*s = pair{uint64(uint32(left))<<32 | uint64(uint32(right)), rank, id}
}

// get returns the rank and the result of a merge, noRank where there is none.
func (p *pairs) get(left, right int32) (rank, id int32) {
	if s := p.slot(left, right); s.key != noKey {
		return s.rank, s.id
	}
	return noRank, 0
}
