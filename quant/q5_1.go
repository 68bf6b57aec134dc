package quant

// Q5_1 is GGUF's block of 32 columns in 24 bytes: d and m in half precision,
// then codes laid out as in Q5_0; value = d·code + m, m = min x, d =
// (max x − m)/31.
var Q5_1 Format = &blockFormat{
	name: "q5_1", cols: blockCols, bytes: 24, lo: 0, hi: 31,
	unpack: unpackQ5_1, fit: fitSpan(32), set: setFive(4),
	recodeBlock: recodeQ5_1, parts: 1, mins: true,
}

func unpackQ5_1(b *block, src []byte) {
	b.one(getHalf(src), -getHalf(src[2:]))
	unpackFive(b, src[4:], 0)
}

func recodeQ5_1(r *recodedRows, src []byte) bool {
	recodeFive(r.parts[0], src, src[4:], 0)
	putMin(r.mins, -getHalf(src[2:]))
	return true
}
