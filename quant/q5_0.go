package quant

import "encoding/binary"

// Q5_0 is GGUF's block of 32 columns in 22 bytes: d in half precision, 4 bytes
// with the highest bit of each code, column 0 lowest, then the low 4 bits laid
// out as in Q4_0; value = d·(code−16), d = m/−16 with m the value of largest
// magnitude, sign kept.
var Q5_0 Format = &blockFormat{
	name: "q5_0", cols: blockCols, bytes: 22, lo: -16, hi: 15,
	unpack: unpackQ5_0, fit: fitExtreme(32), set: setFive(2),
	recodeBlock: recodeQ5_0, parts: 1,
}

func unpackQ5_0(b *block, src []byte) {
	b.one(getHalf(src), 0)
	unpackFive(b, src[2:], 16)
}

func recodeQ5_0(r *recodedRows, src []byte) bool {
	recodeFive(r.parts[0], src, src[2:], 16)
	return true
}

// setFive writes 32 codes of 5 bits from at on: their highest bits, then the
// others.
func setFive(at int) func(dst, code []byte) {
	return func(dst, code []byte) {
		var high uint32
		for i, c := range code {
			high |= uint32(c>>4) << i
		}
		binary.LittleEndian.PutUint32(dst[at:], high)
		for i := range blockCols / 2 {
			dst[at+4+i] = code[i]&15 | code[i+blockCols/2]<<4
		}
	}
}

// unpackFive reads what setFive wrote and takes offset off the codes.
func unpackFive(b *block, src []byte, offset int8) {
	high := binary.LittleEndian.Uint32(src)
	for i, c := range src[4:20] {
		b.code[i] = int8(c&15|byte(high>>i)<<4&16) - offset
		b.code[i+blockCols/2] = int8(c>>4|byte(high>>(i+blockCols/2))<<4&16) - offset
	}
}

// recodeFive writes a block of Q8_0 with the scale that src begins with and the
// codes that setFive wrote, less offset.
func recodeFive(dst, src, codes []byte, offset uint64) {
	to, from := (*[sizeQ8_0]byte)(dst), (*[4 + blockCols/2]byte)(codes)
	to[0], to[1] = src[0], src[1]
	a, b := getWord(from[4:]), getWord(from[12:])
	putWord(to[2:], signedBytes(a&(15*eachByte)|fifthBits[from[0]], offset))
	putWord(to[10:], signedBytes(b&(15*eachByte)|fifthBits[from[1]], offset))
	putWord(to[18:], signedBytes(a>>4&(15*eachByte)|fifthBits[from[2]], offset))
	putWord(to[26:], signedBytes(b>>4&(15*eachByte)|fifthBits[from[3]], offset))
}

// fifthBits spreads the bits of a byte to bits 4 of eight.
var fifthBits = func() (w [256]uint64) {
	for b := range w {
		for i := range 8 {
			w[b] |= uint64(b) >> i & 1 << (8*i + 4)
		}
	}
	return w
}()
