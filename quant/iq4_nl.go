package quant

import "github.com/winnowlm/winnow/internal/vec"

// IQ4_NL is GGUF's block of 32 columns in 18 bytes: d in half precision, then
// codes laid out as in Q4_0; value = d·iq4Levels[code].
var IQ4_NL Format = &blockFormat{
	name: "iq4_nl", cols: blockCols, bytes: 18,
	unpack: unpackIQ4_NL, fit: fitIQ4_NL, set: setHalves(2),
	recodeBlock: recodeIQ4_NL, parts: 1,
}

// iq4Levels are denser around 0, as weights are.
var iq4Levels = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

var iq4Grid = grid{levels: iq4Levels[:], step: 0.8, code: func(x float64) byte {
	return iq4Nearest[int(max(0, min(2*x+256, 511)))]
}}

// iq4Nearest holds the code of the level nearest to x under 2x+256, rounded
// down. Levels meet at multiples of a half.
var iq4Nearest = func() (codes [512]byte) {
	for i := range codes {
		at := 2*i + 1 - 512 // four times the middle of what shares the entry
		for c := 1; c < len(iq4Levels) && at > 2*(int(iq4Levels[c-1])+int(iq4Levels[c])); c++ {
			codes[i] = byte(c)
		}
	}
	return codes
}()

func fitIQ4_NL(dst, code []byte, x []float32) {
	iq4Grid.codes(code, x, putHalf(dst, fitScale(x, iq4Grid)))
}

func unpackIQ4_NL(b *block, src []byte) {
	b.one(getHalf(src), 0)
	unpackLevels(b.code[:blockCols], src[2:18], &iq4Levels)
}

func recodeIQ4_NL(r *recodedRows, src []byte) bool {
	to := r.parts[0]
	to[0], to[1] = src[0], src[1]
	recodeLevels(to[2:], src[2:], &iq4Levels)
	return true
}

// recodeLevels is unpackLevels for bytes.
func recodeLevels(dst, src []byte, levels *[16]int8) {
	vec.Look((*[blockCols]byte)(dst), (*[blockCols / 2]byte)(src), levels)
}

// unpackLevels looks 32 codes up, laid out as in Q4_0.
func unpackLevels(dst []int8, src []byte, levels *[16]int8) {
	for i, c := range src {
		dst[i], dst[i+blockCols/2] = levels[c&15], levels[c>>4]
	}
}
