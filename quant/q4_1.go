package quant

// Q4_1 is GGUF's block of 32 columns in 20 bytes: d and m in half precision,
// then codes laid out as in Q4_0; value = d·code + m, m = min x, d =
// (max x − m)/15.
var Q4_1 Format = &blockFormat{
	name: "q4_1", cols: blockCols, bytes: 20, lo: 0, hi: 15,
	unpack: unpackQ4_1, fit: fitSpan(16), set: setHalves(4),
	recodeBlock: recodeQ4_1, parts: 1, mins: true,
}

func unpackQ4_1(b *block, src []byte) {
	b.one(getHalf(src), -getHalf(src[2:]))
	for i, c := range src[4:20] {
		b.code[i] = int8(c & 15)
		b.code[i+blockCols/2] = int8(c >> 4)
	}
}

func recodeQ4_1(r *recodedRows, src []byte) bool {
	recodeHalves(r.parts[0], src, src[4:])
	putMin(r.mins, -getHalf(src[2:]))
	return true
}

// fitSpan fits d and m so that n codes span x from its least to its largest.
func fitSpan(n int) func(dst, code []byte, x []float32) {
	return func(dst, code []byte, x []float32) {
		lo, hi := x[0], x[0]
		for _, v := range x {
			lo, hi = min(lo, v), max(hi, v)
		}
		d := (hi - lo) / float32(n-1)
		putHalf(dst, d)
		putHalf(dst[2:], lo)
		inv := inverse(d)
		for i, v := range x {
			code[i] = truncate(float32((v-lo)*inv)+0.5, n-1)
		}
	}
}
