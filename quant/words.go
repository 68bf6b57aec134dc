package quant

import "encoding/binary"

// Eight bytes are a word, on which arithmetic that carries from none to the next
// works as on each.

const eachByte = 0x0101010101010101

func getWord(src []byte) uint64    { return binary.LittleEndian.Uint64(src) }
func putWord(dst []byte, w uint64) { binary.LittleEndian.PutUint64(dst, w) }

// signedBytes takes offset off each byte, both below 128.
func signedBytes(w, offset uint64) uint64 {
	return (w | 0x80*eachByte - offset*eachByte) ^ 0x80*eachByte
}

// recodeHalves writes a block of Q8_0 with the scale that src begins with and the
// codes that setHalves wrote.
func recodeHalves(dst, src, codes []byte) {
	to, from := (*[sizeQ8_0]byte)(dst), (*[blockCols / 2]byte)(codes)
	to[0], to[1] = src[0], src[1]
	a, b := getWord(from[:8]), getWord(from[8:])
	putWord(to[2:], a&(15*eachByte))
	putWord(to[10:], b&(15*eachByte))
	putWord(to[18:], a>>4&(15*eachByte))
	putWord(to[26:], b>>4&(15*eachByte))
}
