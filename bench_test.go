package winnow_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

// benchModel opens WINNOW_MODEL, or a model of SmolLM2-135M's shape with random
// weights, made for the benchmark.
func benchModel(b *testing.B, context int) *winnow.Model {
	path := os.Getenv("WINNOW_MODEL")
	if path == "" {
		var err error
		path, err = testmodel.File(b.TempDir(), "smollm2-135m", "q8_0")
		require.NoError(b, err)
	}
	m, err := winnow.Load(path, winnow.Options{Context: context})
	require.NoError(b, err)
	b.Cleanup(func() { m.Close() })
	return m
}

func benchTokens(m *winnow.Model, n int) []int32 {
	tokens := make([]int32, n)
	for j := range tokens {
		tokens[j] = int32(j*7919) % int32(m.Config().VocabSize)
	}
	return tokens
}

// read returns a session that has read n tokens as one prompt.
func read(b *testing.B, m *winnow.Model, cfg kvcache.Config, n int) *winnow.Session {
	s := session(b, m, cfg)
	if n > 0 {
		require.NoError(b, s.Append(context.Background(), benchTokens(m, n), winnow.AppendOptions{}))
	}
	return s
}

// BenchmarkPrefill reads prompts, alone and behind others.
func BenchmarkPrefill(b *testing.B) {
	m := benchModel(b, 1<<20)
	for _, c := range []struct{ tokens, depth int }{{128, 0}, {512, 0}, {2048, 0}, {128, 4096}} {
		b.Run(fmt.Sprintf("%d@%d", c.tokens, c.depth), func(b *testing.B) {
			before := read(b, m, kvcache.Config{}, c.depth)
			tokens := benchTokens(m, c.tokens)
			for b.Loop() {
				require.NoError(b, before.Fork().Append(context.Background(), tokens, winnow.AppendOptions{}))
			}
			b.ReportMetric(float64(c.tokens*b.N)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}

// BenchmarkDecode writes on behind prompts of several lengths, under each
// policy, with each cache format. B/token is the cache at the end per token of
// the sequence.
func BenchmarkDecode(b *testing.B) {
	m := benchModel(b, 1<<20)
	policies := []struct {
		name   string
		policy kvcache.Policy
	}{{"none", nil}, {"window1024", policy.Window{}}, {"snapkv1024", policy.SnapKV{Budget: 1024}}}
	for _, depth := range []int{16, 1024, 4096} {
		for _, p := range policies {
			for _, f := range []quant.Format{quant.F16, quant.Int8} {
				if depth == 16 && (p.policy != nil || f != quant.F16) {
					continue // what is kept of 16 tokens is all the same
				}
				b.Run(fmt.Sprintf("depth%d/%s/%s", depth, p.name, f.Name()), func(b *testing.B) {
					s := read(b, m, kvcache.Config{K: f, V: f, Policy: p.policy}, depth)
					next, stop := iter.Pull2(s.GenerateTokens(context.Background(), nil, winnow.GenerateOptions{IgnoreEnd: true}))
					defer stop()
					next()
					for b.Loop() {
						if _, err, ok := next(); err != nil || !ok {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
					b.ReportMetric(float64(s.Cache().Bytes())/float64(len(s.Tokens())), "B/token")
				})
			}
		}
	}
}
