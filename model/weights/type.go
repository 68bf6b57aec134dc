package weights

import (
	"fmt"
	"math"
)

// Type says how a tensor's values are stored. Values below 128 are ggml's own
// numbers, as they stand in GGUF files; those from 128 on occur in safetensors
// files only.
type Type uint32

// The types of GGUF files, under ggml's numbers. The missing numbers belonged
// to types that were removed; files with them are refused.
const (
	F32     Type = 0
	F16     Type = 1
	Q4_0    Type = 2
	Q4_1    Type = 3
	Q5_0    Type = 6
	Q5_1    Type = 7
	Q8_0    Type = 8
	Q8_1    Type = 9
	Q2_K    Type = 10
	Q3_K    Type = 11
	Q4_K    Type = 12
	Q5_K    Type = 13
	Q6_K    Type = 14
	Q8_K    Type = 15
	IQ2_XXS Type = 16
	IQ2_XS  Type = 17
	IQ3_XXS Type = 18
	IQ1_S   Type = 19
	IQ4_NL  Type = 20
	IQ3_S   Type = 21
	IQ2_S   Type = 22
	IQ4_XS  Type = 23
	I8      Type = 24
	I16     Type = 25
	I32     Type = 26
	I64     Type = 27
	F64     Type = 28
	IQ1_M   Type = 29
	BF16    Type = 30
	TQ1_0   Type = 34
	TQ2_0   Type = 35
	MXFP4   Type = 39
	NVFP4   Type = 40
	Q1_0    Type = 41
	Q2_0    Type = 42
)

// The types that only safetensors files have.
const (
	Bool Type = 128 + iota
	U8
	U16
	U32
	U64
	C64
	F8_E4M3
	F8_E5M2
	F8_E4M3FNUZ
	F8_E5M2FNUZ
	F8_E8M0
	F6_E2M3
	F6_E3M2
	F4
)

// types holds a type's name, the values in one block and the block's bytes.
var types = [...]struct {
	name         string
	block, bytes int
}{
	F32: {"f32", 1, 4}, F16: {"f16", 1, 2}, BF16: {"bf16", 1, 2}, F64: {"f64", 1, 8},
	I8: {"i8", 1, 1}, I16: {"i16", 1, 2}, I32: {"i32", 1, 4}, I64: {"i64", 1, 8},
	Q4_0: {"q4_0", 32, 18}, Q4_1: {"q4_1", 32, 20}, Q5_0: {"q5_0", 32, 22}, Q5_1: {"q5_1", 32, 24},
	Q8_0: {"q8_0", 32, 34}, Q8_1: {"q8_1", 32, 36}, Q1_0: {"q1_0", 128, 18}, Q2_0: {"q2_0", 64, 18},
	Q2_K: {"q2_k", 256, 84}, Q3_K: {"q3_k", 256, 110}, Q4_K: {"q4_k", 256, 144},
	Q5_K: {"q5_k", 256, 176}, Q6_K: {"q6_k", 256, 210}, Q8_K: {"q8_k", 256, 292},
	IQ1_S: {"iq1_s", 256, 50}, IQ1_M: {"iq1_m", 256, 56}, IQ2_XXS: {"iq2_xxs", 256, 66},
	IQ2_XS: {"iq2_xs", 256, 74}, IQ2_S: {"iq2_s", 256, 82}, IQ3_XXS: {"iq3_xxs", 256, 98},
	IQ3_S: {"iq3_s", 256, 110}, IQ4_XS: {"iq4_xs", 256, 136}, IQ4_NL: {"iq4_nl", 32, 18},
	TQ1_0: {"tq1_0", 256, 54}, TQ2_0: {"tq2_0", 256, 66},
	MXFP4: {"mxfp4", 32, 17}, NVFP4: {"nvfp4", 64, 36},

	Bool: {"bool", 1, 1}, U8: {"u8", 1, 1}, U16: {"u16", 1, 2}, U32: {"u32", 1, 4}, U64: {"u64", 1, 8},
	C64: {"c64", 1, 8}, F8_E4M3: {"f8_e4m3", 1, 1}, F8_E5M2: {"f8_e5m2", 1, 1},
	F8_E4M3FNUZ: {"f8_e4m3fnuz", 1, 1}, F8_E5M2FNUZ: {"f8_e5m2fnuz", 1, 1}, F8_E8M0: {"f8_e8m0", 1, 1},
	F6_E2M3: {"f6_e2m3", 4, 3}, F6_E3M2: {"f6_e3m2", 4, 3}, F4: {"f4", 2, 1},
}

// ParseType returns the type that String gives a name to.
func ParseType(name string) (Type, bool) {
	for t, l := range types {
		if l.name == name && name != "" {
			return Type(t), true
		}
	}
	return 0, false
}

// Known reports whether t is one of the types above.
func (t Type) Known() bool {
	return int64(t) < int64(len(types)) && types[t].block > 0
}

// GGUF reports whether a GGUF file can hold tensors of this type.
func (t Type) GGUF() bool {
	return t < 128 && t.Known()
}

// String returns the lower-case name, such as "q4_k" or "f8_e4m3", or the
// number of a type that is not known.
func (t Type) String() string {
	if !t.Known() {
		return fmt.Sprintf("type(%d)", uint32(t))
	}
	return types[t].name
}

// BlockSize returns how many values are stored together, 1 for plain numbers
// and 0 for a type that is not known.
func (t Type) BlockSize() int {
	if !t.Known() {
		return 0
	}
	return types[t].block
}

// BlockBytes returns the bytes of one block, 0 for a type that is not known.
func (t Type) BlockBytes() int {
	if !t.Known() {
		return 0
	}
	return types[t].bytes
}

// size returns the bytes of a tensor of this shape, outermost first. In GGUF
// each row holds whole blocks; safetensors wants that of the whole tensor only.
func (t Type) size(shape []int) (int64, error) {
	if t.GGUF() {
		cols := 1
		if len(shape) > 0 {
			cols = shape[len(shape)-1]
		}
		if cols%t.BlockSize() != 0 {
			return 0, fmt.Errorf("rows of %d values, want a multiple of %v's block of %d", cols, t, t.BlockSize())
		}
	}
	n := int64(1)
	for _, dim := range shape {
		if dim != 0 && n > math.MaxInt64/int64(dim) {
			return 0, fmt.Errorf("shape %v has more values than an int64 counts", shape)
		}
		n *= int64(dim)
	}
	block, bytes := int64(t.BlockSize()), int64(t.BlockBytes())
	if n%block != 0 {
		return 0, fmt.Errorf("shape %v in %v is no whole number of bytes", shape, t)
	}
	if n/block > math.MaxInt/bytes {
		return 0, fmt.Errorf("shape %v in %v is larger than this machine addresses", shape, t)
	}
	return n / block * bytes, nil
}
