package sample_test

import (
	"math/rand/v2"
	"testing"

	"github.com/winnowlm/winnow/sample"
)

// BenchmarkNext takes logits of a vocabulary as large as Llama 3's: "peaked" as a model gives them, a few hundred tokens
// holding nearly all the probability, and "flat" as no model does.
func BenchmarkNext(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, shape := range []string{"peaked", "flat"} {
		logits := someLogits(r, 128_256, shape)
		for _, c := range []struct {
			name string
			o    sample.Options
		}{
			{"greedy", sample.Options{}},
			{"temperature", sample.Options{Temperature: 0.8}},
			{"top-k=40", sample.Options{Temperature: 0.8, TopK: 40}},
			{"top-p=0.95", sample.Options{Temperature: 0.8, TopP: 0.95}},
			{"min-p=0.05", sample.Options{Temperature: 0.8, MinP: 0.05}},
			{"chain", sample.Options{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05, RepeatPenalty: 1.1}},
		} {
			b.Run(shape+"/"+c.name, func(b *testing.B) {
				s := newSampler(b, c.o)
				next(b, s, logits...) // sizes the scratch
				b.ReportAllocs()
				for b.Loop() {
					id := next(b, s, logits...)
					s.Accept(id)
				}
			})
		}
	}
}
