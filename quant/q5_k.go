package quant

// Q5_K is Q4_K with codes of 5 bits, in 176 bytes: after d, dmin, scales and
// minimums come 32 bytes with the highest bits, bit g of byte i that of column
// 32g+i, then the low 4 bits as in Q4_K. value = d·scale·code − dmin·minimum.
var Q5_K Format = &blockFormat{
	name: "q5_k", cols: superCols, bytes: 176, lo: 0, hi: 31,
	unpack: unpackQ5_K, fit: fitScaleMin(31), set: setQ5_K,
	recodeBlock: recodeQ5_K, base: Q6_K, parts: 1, mins: true,
}

func setQ5_K(dst, code []byte) {
	high, low := dst[16:48], dst[48:176]
	clear(high)
	for i, c := range code {
		high[i%32] |= c >> 4 << (i / 32)
	}
	for i := range low {
		at := i/32*64 + i%32
		low[i] = code[at]&15 | code[at+32]<<4
	}
}

func unpackQ5_K(b *block, src []byte) {
	unpackScaleMin(b, src)
	high := (*[32]byte)(src[16:])
	for pair := range 4 {
		low, code := (*[32]byte)(src[48+pair*32:]), (*[64]int8)(b.code[pair*64:])
		for i, c := range low {
			h := high[i] >> (2 * pair)
			code[i] = int8(c&15 | h<<4&16)
			code[i+32] = int8(c>>4 | h<<3&16)
		}
	}
}

func recodeQ5_K(r *recodedRows, src []byte) bool {
	asQ6_K(r.parts[0], src, unpackQ5_K, src, func(g int) byte { scale, _ := scaleMin(src[4:16], g/2); return scale })
	dmin, mins := getHalf(src[2:]), r.mins
	for g := range superCols / blockCols {
		_, minimum := scaleMin(src[4:16], g)
		mins = putMin(mins, dmin*float32(minimum))
	}
	return true
}
