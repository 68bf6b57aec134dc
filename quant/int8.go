package quant

import (
	"math"

	"github.com/winnowlm/winnow/internal/vec"
)

// The INT8 formats. Int8 is symmetric with a scale per row: per channel for
// weights, per token for activations and cache rows; scale = max|x|/127, code =
// round to even of x/scale. The others share a scale over the whole matrix, or
// over 32 columns, or are asymmetric: scale = (max−min)/255 and code =
// round((x−min)/scale). Scales and minimums are in single precision.
var (
	Int8           Format = &grouped{name: "int8", codec: signed8, single: true, dot: vec.DotI8, axpy: vec.AxpyI8}
	Int8Tensor     Format = &grouped{name: "int8-tensor", codec: signed8, share: perTensor, single: true}
	Int8Group      Format = &grouped{name: "int8-32", codec: signed8, group: 32, single: true}
	Int8Asym       Format = &grouped{name: "int8-asym", codec: unsigned8, asym: true, single: true}
	Int8AsymTensor Format = &grouped{name: "int8-asym-tensor", codec: unsigned8, share: perTensor, asym: true, single: true}
	Int8AsymGroup  Format = &grouped{name: "int8-asym-32", codec: unsigned8, group: 32, asym: true, single: true}
)

var (
	signed8   = signedCodec().integers(signedBytes8, 0)
	unsigned8 = unsignedCodec(vec.CodeU8).integers(unsignedBytes8, 128)
)

// maxAbs returns the largest finite magnitude in x, so that one bad value
// cannot wipe out its row.
func maxAbs(x []float32) float32 {
	var most float32
	for _, v := range x {
		if v = float32(math.Abs(float64(v))); v > most && v <= math.MaxFloat32 {
			most = v
		}
	}
	return most
}
