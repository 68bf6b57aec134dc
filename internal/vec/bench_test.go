package vec

import (
	"fmt"
	"sync"
	"testing"
)

const benchSide = 2048

func BenchmarkMul(b *testing.B) {
	for _, q4 := range []bool{false, true} {
		for _, n := range []int{1, 2, 4, 8, 512} {
			b.Run(fmt.Sprintf("%s/n=%d", map[bool]string{false: "Q8_0", true: "Q4_0"}[q4], n), func(b *testing.B) {
				r := testRand(1)
				w := weights(r, q4, benchSide, benchSide)
				a := quantized(normals(r, n*benchSide), n, benchSide)
				dst := make([]float32, n*benchSide)
				for b.Loop() {
					doMul(q4, dst, benchSide, a, w, benchSide)
				}
				report(b, len(w), n)
			})
		}
	}
}

// BenchmarkMulChunks is what a model does for tokens that decode together: threads
// take chunks of rows of q8_0, far more than fit the caches, by turns.
func BenchmarkMulChunks(b *testing.B) {
	const bytes = 120 << 20
	for _, c := range []struct{ rows, cols int }{{1536, 576}, {576, 1536}, {288, 1536}, {96, 576}} {
		r := testRand(1)
		chunk := weights(r, false, c.rows, c.cols)
		chunks := bytes / len(chunk)
		w := make([]byte, 0, chunks*len(chunk))
		for range chunks {
			w = append(w, chunk...)
		}
		for _, n := range []int{1, 2, 8} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%dx%d/n=%d/threads=%d", c.rows, c.cols, n, threads), func(b *testing.B) {
					a := quantized(normals(r, n*c.cols), n, c.cols)
					for b.Loop() {
						var done sync.WaitGroup
						for k := range threads {
							done.Go(func() {
								dst := make([]float32, n*c.rows)
								for i := k; i < chunks; i += threads {
									doMul(false, dst, c.rows, a, w[i*len(chunk):][:len(chunk)], c.rows)
								}
							})
						}
						done.Wait()
					}
					reportShape(b, len(w), n*chunks*c.rows*c.cols)
				})
			}
		}
	}
}

func BenchmarkMulKQuant(b *testing.B) {
	for _, k := range kquants {
		for _, n := range []int{1, 2, 4, 8, 512} {
			b.Run(fmt.Sprintf("%s/n=%d", k.name, n), func(b *testing.B) {
				r := testRand(1)
				w := k.random(r, benchSide, benchSide)
				a := quantized(normals(r, n*benchSide), n, benchSide)
				dst := make([]float32, n*benchSide)
				for b.Loop() {
					k.mul(dst, benchSide, a, w, benchSide)
				}
				report(b, len(w), n)
			})
		}
	}
}

func BenchmarkDot(b *testing.B) {
	for _, f := range formats {
		for _, n := range []int{1, 4, 512} {
			b.Run(fmt.Sprintf("%v/n=%d", f, n), func(b *testing.B) {
				r := testRand(1)
				stride := f.rowSize(benchSide)
				w := encodeRows(f, normals(r, benchSide*benchSide), benchSide, benchSide, stride)
				x := normals(r, n*benchSide)
				dst := make([]float32, n*benchSide)
				for b.Loop() {
					doDot(f, dst, benchSide, x, n, w, stride, benchSide, benchSide)
				}
				report(b, len(w), n)
			})
		}
	}
}

// BenchmarkAttention is the two products of a head of 128 channels with 4096
// rows of a cache, for a group of query heads.
func BenchmarkAttention(b *testing.B) {
	const rows, cols = 4096, 128
	for _, f := range formats {
		for _, n := range []int{1, 3, 4, 96} {
			r := testRand(1)
			stride := f.rowSize(cols)
			w := encodeRows(f, normals(r, rows*cols), rows, cols, stride)
			x, p := normals(r, n*cols), normals(r, n*rows)
			b.Run(fmt.Sprintf("dot/%v/n=%d", f, n), func(b *testing.B) {
				for b.Loop() {
					doDot(f, p, rows, x, n, w, stride, rows, cols)
				}
				reportShape(b, len(w), n*rows*cols)
			})
			b.Run(fmt.Sprintf("axpy/%v/n=%d", f, n), func(b *testing.B) {
				for b.Loop() {
					doAxpy(f, x, p, rows, n, w, stride, rows, cols)
				}
				reportShape(b, len(w), n*rows*cols)
			})
		}
	}
}

func BenchmarkExpSum(b *testing.B) {
	x := make([]float32, 4096)
	for b.Loop() {
		ExpSum(x, 1)
	}
	b.ReportMetric(float64(len(x))*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gvalues/s")
}

func BenchmarkQuantize(b *testing.B) {
	x := normals(testRand(1), 8*benchSide)
	a := quantized(x, 8, benchSide)
	for b.Loop() {
		a.Quantize(x, 0, 8)
	}
	b.ReportMetric(float64(len(x))*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gvalues/s")
}

func report(b *testing.B, bytes, n int) { reportShape(b, bytes, n*benchSide*benchSide) }

// reportShape gives the bytes of the matrix that were passed over, and the
// operations, two for each product.
func reportShape(b *testing.B, bytes, products int) {
	s := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(bytes)/s/1e9, "GB/s")
	b.ReportMetric(2*float64(products)/s/1e9, "GOP/s")
	b.ReportMetric(0, "ns/op")
}
