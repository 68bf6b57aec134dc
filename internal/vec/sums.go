package vec

import (
	"encoding/binary"
	"unsafe"
)

// SumCols is the number of values that Sums adds up.
const SumCols = Block / 2

// Sums writes the sums of each 16 values, as coded, of each row:
// dst [N][Cols/16]. A sum of codes is exact.
func (a *Q8) Sums(dst []float32) {
	want("Q8.Sums", "len(dst)", len(dst), a.N*a.Cols/SumCols)
	for i := range dst[:a.N*a.Cols/SumCols] {
		dst[i] = float32(sumCodes((*[SumCols]int8)(a.codes[i*SumCols:]))) * a.meta[i/2].scale
	}
}

// sumCodes adds the codes as unsigned bytes, each plus 128, eight at a time.
func sumCodes(c *[SumCols]int8) int32 {
	const flip, even = 0x8080808080808080, 0x00ff00ff00ff00ff
	b := (*[SumCols]byte)(unsafe.Pointer(c))
	x, y := binary.LittleEndian.Uint64(b[:])^flip, binary.LittleEndian.Uint64(b[8:])^flip
	s := x&even + x>>8&even + y&even + y>>8&even
	return int32(s*0x0001000100010001>>48) - 128*SumCols
}
