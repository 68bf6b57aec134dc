package vec

// F16ToF32 decodes len(dst) float16 values from src. It is exact; a signalling
// NaN becomes a quiet one.
func F16ToF32(dst []float32, src []byte) {
	want("F16ToF32", "len(src)", len(src), 2*len(dst))
	f16ToF32(dst, src)
}

// F32ToF16 encodes len(src) values as float16 in dst, rounded to the nearest,
// ties to even. What is too large becomes an infinity.
func F32ToF16(dst []byte, src []float32) {
	want("F32ToF16", "len(dst)", len(dst), 2*len(src))
	f32ToF16(dst, src)
}

// BF16ToF32 decodes len(dst) bfloat16 values from src. It is exact.
func BF16ToF32(dst []float32, src []byte) {
	want("BF16ToF32", "len(src)", len(src), 2*len(dst))
	bf16ToF32(dst, src)
}

// F32ToBF16 encodes len(src) values as bfloat16 in dst, rounded to the nearest,
// ties to even. A NaN becomes a quiet one.
func F32ToBF16(dst []byte, src []float32) {
	want("F32ToBF16", "len(dst)", len(dst), 2*len(src))
	f32ToBF16(dst, src)
}
