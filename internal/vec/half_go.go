package vec

import (
	"encoding/binary"
	"math"
)

func f16ToF32Go(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = f16(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func f32ToF16Go(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toF16(v))
	}
}

func bf16ToF32Go(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

func f32ToBF16Go(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toBF16(v))
	}
}

// f16 decodes one float16.
func f16(h uint16) float32 {
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7fff)
	if rest >= 0x7c00 {
		bits := sign | 0x7f800000 | rest<<13
		if rest > 0x7c00 {
			bits |= 0x400000
		}
		return math.Float32frombits(bits)
	}
	// A multiplication corrects the bias of the exponent and makes subnormals normal.
	v := math.Float32frombits(rest<<13) * 0x1p112
	return math.Float32frombits(sign | math.Float32bits(v))
}

// toF16 rounds to float16.
func toF16(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, rest := uint16(bits>>16)&0x8000, bits&0x7fffffff
	switch {
	case rest > 0x7f800000:
		return sign | 0x7e00 | uint16(rest>>13)&0x3ff
	case rest >= 0x477ff000: // half way from 65504 to 65536
		return sign | 0x7c00
	case rest < 0x38800000: // subnormal: the sum has a unit of 2^-24 in its last place
		return sign | uint16(math.Float32bits(math.Float32frombits(rest)+0.5)-math.Float32bits(0.5))
	}
	odd := rest >> 13 & 1
	return sign | uint16((rest-0x38000000+0xfff+odd)>>13)
}

// toBF16 rounds to bfloat16.
func toBF16(v float32) uint16 {
	bits := math.Float32bits(v)
	if bits&0x7fffffff > 0x7f800000 {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
