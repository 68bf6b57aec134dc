package quant

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
)

// MXFP4 is the OCP Microscaling format of 4-bit floating-point values (E2M1) as
// GGUF stores it, a block of 32 columns in 17 bytes: an exponent e, then codes
// laid out as in Q4_0; value = 2^(e−128)·fp4Levels[code]. OCP's NaN, e = 255,
// counts as an exponent like any other, as in ggml.
var MXFP4 Format = &blockFormat{
	name: "mxfp4", cols: blockCols, bytes: 17,
	unpack: unpackMXFP4, fit: fitMXFP4, set: setHalves(1),
	recodeBlock: recodeMXFP4, parts: 1,
}

// fp4Levels are twice the values of E2M1.
var fp4Levels = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// fitMXFP4 takes OCP's exponent, with which the largest value may be clipped
// from just below 8 to 6, or the next one, whichever errs less.
func fitMXFP4(dst, code []byte, x []float32) {
	_, exp := math.Frexp(float64(maxAbs(x))) // largest in [2^(exp-1), 2^exp)
	e := exp - 1 - 2 + 127
	if maxAbs(x) == 0 {
		e = 0
	}
	e = max(0, min(e, 253))
	if fp4Error(x, e+1) < fp4Error(x, e) {
		e++
	}
	dst[0] = byte(e)
	scale := math.Ldexp(1, e-128)
	for i, v := range x {
		code[i] = fp4Code(float64(v) / scale)
	}
}

// fp4Error is the squared error of x with the exponent e.
func fp4Error(x []float32, e int) (sum float64) {
	scale := math.Ldexp(1, e-128)
	for _, v := range x {
		d := float64(v) - scale*float64(fp4Levels[fp4Code(float64(v)/scale)])
		sum += d * d
	}
	return sum
}

// fp4Code returns the code of the level nearest to x.
func fp4Code(x float64) (code byte) {
	for c := 1; c < 8 && math.Abs(x) > (float64(fp4Levels[c-1])+float64(fp4Levels[c]))/2; c++ {
		code = byte(c)
	}
	if x < 0 {
		code |= 8
	}
	return code
}

func unpackMXFP4(b *block, src []byte) {
	b.one(float32(math.Ldexp(1, int(src[0])-128)), 0)
	unpackLevels(b.code[:blockCols], src[1:17], &fp4Levels)
}

func recodeMXFP4(r *recodedRows, src []byte) bool {
	d, to := powers[src[0]], r.parts[0]
	binary.LittleEndian.PutUint16(to, d)
	recodeLevels(to[2:], src[1:], &fp4Levels)
	if d != 0 {
		return true
	}
	for _, c := range to[2:sizeQ8_0] {
		if c != 0 {
			return false
		}
	}
	return true
}

// powers holds 2^(e−128) in half precision, 0 where it does not fit.
var powers = func() (h [256]uint16) {
	for e := 128 - 24; e <= 128+15; e++ {
		h[e] = float16.Fromfloat32(float32(math.Ldexp(1, e-128))).Bits()
	}
	return h
}()
