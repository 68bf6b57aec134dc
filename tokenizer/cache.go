package tokenizer

import (
	"encoding/binary"
	"math/bits"
)

// workspace is what one call of Encode writes on; calls take turns with it
// through a pool.
type workspace struct {
	parts []part
	links []link
	queue queue
	found []int32 // the special tokens at a place
	seen  []bool  // the special tokens of a text
	cache []entry
}

// entry remembers the tokens of one short word. The cache is direct-mapped: a
// word displaces the one in its place, so its size is bounded, and what Encode
// returns does not depend on it.
type entry struct {
	key   [3]uint64
	ids   [8]int32
	bytes uint8 // of the word, 0 for no entry
	count uint8
}

const (
	cacheBits = 14
	cacheWord = 24 // bytes of the longest word in the cache
)

func newWorkspace() *workspace { return &workspace{cache: make([]entry, 1<<cacheBits)} }

// word adds the tokens of a word, from the cache where it is there.
func (m *bpe) word(dst []int32, w *workspace, word string) []int32 {
	if len(word) > cacheWord || len(word) == 0 {
		return m.append(dst, w, word)
	}
	var raw [cacheWord]byte
	copy(raw[:], word)
	key := [3]uint64{binary.LittleEndian.Uint64(raw[:]), binary.LittleEndian.Uint64(raw[8:]), binary.LittleEndian.Uint64(raw[16:])}
	hi, lo := bits.Mul64(key[0]^0x2d358dccaa6c78a5, key[1]^0x8bb84b93962eacc9)
	e := &w.cache[((hi^lo^key[2])*0x9e3779b97f4a7c15)>>(64-cacheBits)]
	if e.key == key && int(e.bytes) == len(word) {
		return append(dst, e.ids[:e.count]...)
	}
	n := len(dst)
	dst = m.append(dst, w, word)
	if count := len(dst) - n; count <= len(e.ids) {
		e.key, e.bytes, e.count = key, uint8(len(word)), uint8(count)
		copy(e.ids[:], dst[n:])
	}
	return dst
}
