package vec

import (
	"encoding/binary"
	"math"
)

func quantize16Go(a *Q16, x []float32, ld int, scales []byte) {
	for q := range a.N {
		value := func(c int) float32 {
			if scales == nil {
				return x[q*ld+c]
			}
			return x[q*ld+c] * math.Float32frombits(binary.LittleEndian.Uint32(scales[4*c:]))
		}
		largest, inverse := float32(0), float32(0)
		for c := range a.Cols {
			largest = max(largest, float32(math.Abs(float64(value(c))))) // NaN if any is
		}
		meta := &a.meta[q]
		*meta = meta16{}
		switch {
		case largest < least16:
		case largest <= math.MaxFloat32:
			meta.scale, inverse = largest/most16, most16/largest
		default:
			meta.scale = float32(math.NaN())
		}
		for c := range a.Cols {
			code := int32(0)
			if inverse > 0 {
				code = int32(math.RoundToEven(float64(value(c) * inverse)))
			}
			meta.offset -= 128 * code
			a.low[q*a.Cols+c], a.high[q*a.Cols+c] = int8(code), int8((code+128)>>8)
		}
	}
}

// sumFours returns the exact sum of products of vector q with column j of n.
func sumFours(a *Q16, q int, w []byte, n, j int) int32 {
	sum := a.meta[q].offset
	for c := range a.Cols {
		code := int32(a.high[q*a.Cols+c])*256 + int32(a.low[q*a.Cols+c])
		sum += code * int32(w[(c/4*n+j)*4+c%4])
	}
	return sum
}

func dotFoursGo(dst []float32, ld int, a *Q16, w, scales []byte, n int) {
	for q := range a.N {
		for j := range n {
			scale := math.Float32frombits(binary.LittleEndian.Uint32(scales[4*j:]))
			dst[q*ld+j] = float32(float32(sumFours(a, q, w, n, j))*scale) * a.meta[q].scale
		}
	}
}

func addFoursGo(dst []float32, a *Q16, w []byte, n int) {
	for q := range a.N {
		for d := range n {
			dst[q*n+d] += float32(float32(sumFours(a, q, w, n, d)) * a.meta[q].scale)
		}
	}
}
