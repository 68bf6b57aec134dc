package quant_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/winnowlm/winnow/quant"
)

// BenchmarkProducts multiplies one token and 256 with a matrix in each format,
// as a model would.
func BenchmarkProducts(b *testing.B) {
	const rows, cols = 2048, 2048
	for _, f := range layouts(b) {
		m := quant.Pack(f, normal(rand.New(rand.NewPCG(1, 2)), rows*cols), rows, cols)
		for _, n := range []int{1, 256} {
			b.Run(fmt.Sprintf("%s/n=%d", f.Name(), n), func(b *testing.B) {
				var in quant.Input
				in.Set(normal(rand.New(rand.NewPCG(3, 4)), n*cols), n, cols)
				if quant.Integer(f, cols) {
					in.Reserve()
					in.EncodeRows(0, n)
				}
				dst := make([]float32, n*rows)
				for b.Loop() {
					m.MulT(dst, rows, &in, 0, rows)
				}
				s := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(rows*cols/s/1e9, "Gweights/s")
				b.ReportMetric(2*rows*cols*float64(n)/s/1e9, "GOP/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
