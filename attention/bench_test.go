package attention_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// benchShapes are the attention of SmolLM2-135M, Qwen2.5-0.5B and Llama-3.2-1B.
var benchShapes = []struct {
	name string
	p    attention.Params
}{
	{"135m", attention.Params{NumHeads: 9, NumKVHeads: 3, HeadDim: 64, Scale: 0.125}},
	{"0.5b", attention.Params{NumHeads: 14, NumKVHeads: 2, HeadDim: 64, Scale: 0.125}},
	{"1b", attention.Params{NumHeads: 32, NumKVHeads: 8, HeadDim: 64, Scale: 0.125}},
}

const (
	benchRows   = 4096 // of a head
	benchExtent = 32   // its blocks that lie one after another, as in a cache
)

// benchViews returns what some layers show.
func benchViews(f quant.Format, p attention.Params, layers int) []attention.View {
	x := normal(rand.New(rand.NewPCG(1, 2)), attention.BlockRows*p.HeadDim)
	k := quant.Pack(quant.Keys(f, p.HeadDim), x, attention.BlockRows, p.HeadDim)
	v := quant.Pack(quant.Values(f), x, attention.BlockRows, p.HeadDim)
	views := make([]attention.View, layers)
	for i := range views {
		views[i].Heads = make([][]attention.Span, p.NumKVHeads)
	}
	pos := positions(0, benchRows)
	for lo := 0; lo < benchRows; lo += benchExtent * attention.BlockRows {
		for i := range views {
			for h := range p.NumKVHeads {
				mem := bytes.Repeat(slices.Concat(k.Data, v.Data), benchExtent)
				block := func(m quant.Matrix) quant.Matrix {
					m.Data, mem = mem[:len(m.Data)], mem[len(m.Data):]
					return m
				}
				for at := lo; at < lo+benchExtent*attention.BlockRows; at += attention.BlockRows {
					views[i].Heads[h] = append(views[i].Heads[h], attention.Span{
						K: block(k), V: block(v), Pos: pos[at:][:attention.BlockRows], At: int32(at), Until: attention.Forever,
					})
				}
			}
		}
	}
	return views
}

func positions(first, n int) []int32 {
	pos := make([]int32, n)
	for j := range pos {
		pos[j] = int32(first + j)
	}
	return pos
}

// benchmark times the attention of n queries to layers in turn, of which the
// processor's caches hold none if size is large.
func benchmark(b *testing.B, n, size int, report func(b *testing.B, p attention.Params, f quant.Format)) {
	for _, s := range benchShapes {
		for _, f := range []quant.Format{quant.F16, quant.Int8} {
			b.Run(fmt.Sprintf("%s/%s", s.name, f.Name()), func(b *testing.B) {
				views := benchViews(f, s.p, max(1, size/layerBytes(f, s.p)))
				q := normal(rand.New(rand.NewPCG(1, 2)), n*s.p.NumHeads*s.p.HeadDim)
				out, pos := make([]float32, len(q)), positions(benchRows, n)
				var w attention.Work
				i := 0
				for b.Loop() {
					for h := range s.p.NumKVHeads {
						w.Attend(out, q, pos, views[i], s.p, h, 0, n)
					}
					i = (i + 1) % len(views)
				}
				report(b, s.p, f)
			})
		}
	}
}

func layerBytes(f quant.Format, p attention.Params) int {
	return 2 * p.NumKVHeads * f.Size(benchRows, p.HeadDim)
}

// BenchmarkDecode is a query's attention to 4096 rows that come from memory.
func BenchmarkDecode(b *testing.B) {
	benchmark(b, 1, 256<<20, func(b *testing.B, p attention.Params, f quant.Format) {
		b.ReportMetric(float64(layerBytes(f, p)*b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
	})
}

// BenchmarkPrefill is the attention of 128 queries to 4096 rows before them.
func BenchmarkPrefill(b *testing.B) {
	benchmark(b, 128, 0, func(b *testing.B, p attention.Params, f quant.Format) {
		b.ReportMetric(4*float64(128*benchRows*p.NumHeads*p.HeadDim*b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}
