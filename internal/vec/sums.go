package vec

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"unsafe"
)

// derived is what some products need of activations besides their codes. It is
// computed once, by the first of them, however many goroutines multiply.
type derived struct {
	groups lazy[float32]  // [N][Cols/SumCols], see Sums
	blocks lazy[float32]  // [N][Cols/Block], the sums of blocks as coded
	halves lazy[halfMeta] // [N][Cols/Block]
}

func (d *derived) reset() {
	d.groups.done.Store(false)
	d.blocks.done.Store(false)
	d.halves.done.Store(false)
}

// lazy is a slice that is filled when it is asked for.
type lazy[T any] struct {
	done   atomic.Bool
	mu     sync.Mutex
	values []T
}

func (l *lazy[T]) get(n int, fill func([]T)) []T {
	if !l.done.Load() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.done.Load() {
			l.values = Resize(l.values, n)
			fill(l.values)
			l.done.Store(true)
		}
	}
	return l.values
}

// halfMeta is blockMeta for weights that have a scale for 16 columns. The offsets
// are minus 32 times the sums of the halves; for AVX2 two words for each, as
// blockMeta has pairs.
type halfMeta struct {
	scale   float32
	offsets [2]int32
}

// SumCols is the number of values that Sums adds up.
const SumCols = Block / 2

// Sums returns the sums of each 16 values, as coded, of each row: [N][Cols/16],
// valid until the activations change. A sum of codes is exact.
func (a *Q8) Sums() []float32 {
	return a.groups.get(len(a.codes)/SumCols, func(sums []float32) {
		for i := range sums {
			sums[i] = float32(sumCodes((*[SumCols]int8)(a.codes[i*SumCols:]))) * a.meta[i/2].scale
		}
	})
}

// sumCodes adds the codes as unsigned bytes, each plus 128, eight at a time.
func sumCodes(c *[SumCols]int8) int32 {
	const flip, even = 0x8080808080808080, 0x00ff00ff00ff00ff
	b := (*[SumCols]byte)(unsafe.Pointer(c))
	x, y := binary.LittleEndian.Uint64(b[:])^flip, binary.LittleEndian.Uint64(b[8:])^flip
	s := x&even + x>>8&even + y&even + y>>8&even
	return int32(s*0x0001000100010001>>48) - 128*SumCols
}
