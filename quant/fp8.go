package quant

import (
	"math"

	"github.com/winnowlm/winnow/internal/vec"
)

// FP8 is an 8-bit floating-point encoding of the OCP OFP8 specification: a sign,
// an exponent, and Mantissa bits. E4M3 has no infinities and gives only one
// pattern of bits to NaN ("FN"), E5M2 is as IEEE 754 would have it.
type FP8 struct {
	Mantissa int
	bias     int
	largest  float32 // finite
	over     byte    // the code of what is too large, without sign: NaN or infinity
	nan      byte
	decoded  [256]float32
}

// The two encodings of OCP OFP8, F8_E4M3 and F8_E5M2 in safetensors files.
var (
	E4M3 = newFP8(FP8{Mantissa: 3, bias: 7, largest: 448, over: 0x7f, nan: 0x7f})
	E5M2 = newFP8(FP8{Mantissa: 2, bias: 15, largest: 57344, over: 0x7c, nan: 0x7e})
)

// The FP8 formats, symmetric with saturated codes: a scale per row, which maps
// its largest value to the encoding's; the others share a scale over the whole
// matrix or over 32 columns. Scales are in single precision.
var (
	FP8E4M3       Format = &grouped{name: "fp8-e4m3", codec: e4m3, single: true}
	FP8E4M3Tensor Format = &grouped{name: "fp8-e4m3-tensor", codec: e4m3, share: perTensor, single: true}
	FP8E4M3Group  Format = &grouped{name: "fp8-e4m3-32", codec: e4m3, group: 32, single: true}
	FP8E5M2       Format = &grouped{name: "fp8-e5m2", codec: e5m2, single: true}
	FP8E5M2Tensor Format = &grouped{name: "fp8-e5m2-tensor", codec: e5m2, share: perTensor, single: true}
	FP8E5M2Group  Format = &grouped{name: "fp8-e5m2-32", codec: e5m2, group: 32, single: true}
)

var e4m3, e5m2 = floatCodec(vec.CodeE4M3, E4M3), floatCodec(vec.CodeE5M2, E5M2)

func newFP8(f FP8) *FP8 {
	for c := range f.decoded {
		f.decoded[c] = f.value(byte(c))
	}
	return &f
}

// value decodes by the definition.
func (f *FP8) value(c byte) float32 {
	m, e := int(c)&(1<<f.Mantissa-1), int(c&0x7f)>>f.Mantissa
	v := math.Ldexp(float64(m), 1-f.bias-f.Mantissa)
	if e > 0 {
		v = math.Ldexp(float64(m+1<<f.Mantissa), e-f.bias-f.Mantissa)
	}
	switch {
	case c&0x7f > f.over || c&0x7f == f.nan:
		v = math.NaN()
	case c&0x7f == f.over:
		v = math.Inf(1)
	}
	if c&0x80 != 0 {
		v = math.Copysign(v, -1)
	}
	return float32(v)
}

// Decode returns the value of a code. It is exact.
func (f *FP8) Decode(c byte) float32 { return f.decoded[c] }

// Encode rounds x to the nearest code, ties to even. What is too large becomes
// the largest finite value of its sign if saturate is set; otherwise what rounds
// to more than that becomes NaN in E4M3 and an infinity in E5M2. NaN stays NaN,
// and the sign of zero stays.
func (f *FP8) Encode(x float32, saturate bool) byte {
	bits := math.Float32bits(x)
	sign, rest := byte(bits>>24)&0x80, bits&0x7fffffff
	if rest > 0x7f800000 {
		return sign | f.nan
	}
	if saturate && math.Float32frombits(rest) > f.largest {
		return sign | f.encodeFinite(f.largest)
	}
	if c := f.encodeFinite(math.Float32frombits(rest)); c < f.over {
		return sign | c
	}
	return sign | f.over
}

// encodeFinite rounds x, at least 0, as if exponents had no end, but holds the
// code below 0x80.
func (f *FP8) encodeFinite(x float32) byte {
	bits, shift := math.Float32bits(x), 23-f.Mantissa
	least := math.Float32frombits(uint32(127+1-f.bias) << 23) // normal
	if x < least {
		// The sum has a unit of the least subnormal in its last place.
		at := math.Float32frombits(uint32(127+1-f.bias-f.Mantissa+23) << 23)
		return byte(math.Float32bits(x+at) - math.Float32bits(at))
	}
	odd := bits >> shift & 1
	bits += 1<<(shift-1) - 1 + odd
	return byte(min((bits-uint32(127-f.bias)<<23)>>shift, 0x7f))
}
