package model_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
)

// BenchmarkBatch decodes 1, 2, 4 and 8 sequences together, each behind a prompt
// of 16 tokens, with WINNOW_MODEL or a model of SmolLM2-135M's shape.
func BenchmarkBatch(b *testing.B) {
	path := os.Getenv("WINNOW_MODEL")
	if path == "" {
		var err error
		path, err = testmodel.File(b.TempDir(), "smollm2-135m", "q8_0")
		require.NoError(b, err)
	}
	m := open(b, path, 0)
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			seqs, caches, s := make([]model.Seq, n), make([]*kvcache.Cache, n), new(model.Scratch)
			step := func(tokens, first int) {
				for i := range seqs {
					q := &seqs[i]
					q.Tokens, q.Pos = q.Tokens[:0], q.Pos[:0]
					for j := range tokens {
						q.Tokens, q.Pos = append(q.Tokens, int32(i+j)), append(q.Pos, int32(first+j))
					}
					caches[i].Begin(kvcache.Step{Pos: q.Pos, Prompt: first == 0})
				}
				require.NoError(b, m.Forward(context.Background(), seqs, s))
			}
			for i := range seqs {
				caches[i] = newCache(b, m, kvcache.Config{})
				seqs[i].KV = caches[i]
			}
			step(16, 0)
			at := 16
			for b.Loop() {
				step(1, at)
				at++
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
