//go:build (!amd64 && !arm64) || noasm || purego

package vec

func dot(f format, dst []float32, ld int, x []float32, n int, w []byte, stride, rows, cols int, next []byte) {
	dotGo(f, dst, ld, x, n, w, stride, rows, cols)
}

func axpy(f format, dst []float32, p []float32, ld, n int, w []byte, stride, rows, cols int, next []byte) {
	axpyGo(f, dst, p, ld, n, w, stride, rows, cols)
}

func f16ToF32(dst []float32, src []byte)              { f16ToF32Go(dst, src) }
func f32ToF16(dst []byte, src []float32)              { f32ToF16Go(dst, src) }
func bf16ToF32(dst []float32, src []byte)             { bf16ToF32Go(dst, src) }
func f32ToBF16(dst []byte, src []float32)             { f32ToBF16Go(dst, src) }
func quantize(a *Q8, at int, x []float32, blocks int) { quantizeGo(a, at, x, blocks) }
func maxF32(x []float32) float32                      { return maxGo(x) }
func expSum(x []float32, max float32) float32         { return expSumGo(x, max) }
func softmax(s []float32, ld, n int, most, sum, factor []float32) {
	softmaxGo(s, ld, n, most, sum, factor)
}

func mix(dst, x []float32, a, b float32)      { mixGo(dst, x, a, b) }
func scale(x []float32, s float32)            { scaleGo(x, s) }
func add(dst, x []float32)                    { addGo(dst, x) }
func mul(dst, x []float32)                    { mulGo(dst, x) }
func sumSquares(x []float32) float32          { return sumSquaresGo(x) }
func sumAbs(x []float32) float32              { return sumAbsGo(x) }
func scaleMul(dst, x, w []float32, s float32) { scaleMulGo(dst, x, w, s) }
func siluMul(gate, up []float32)              { siluMulGo(gate, up) }
func rotateHalves(x, cos, sin []float32)      { rotateHalvesGo(x, cos, sin) }
func rotatePairs(x, cos, sin []float32)       { rotatePairsGo(x, cos, sin) }

func transpose(dst, src []float32, rows, cols int) { transposeGo(dst, src, rows, cols) }

func mulQ8_0(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ8_0Go(dst, ld, a, w, rows) }
func mulQ4_0(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ4_0Go(dst, ld, a, w, rows) }
func mulQ4_K(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ4_KGo(dst, ld, a, w, rows) }
func mulQ6_K(dst []float32, ld int, a *Q8, w []byte, rows int) { mulQ6_KGo(dst, ld, a, w, rows) }

func wideLen(n, cols int) int { return 0 }
