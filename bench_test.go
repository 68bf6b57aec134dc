package winnow_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// benchFile returns WINNOW_MODEL, or the path of a model of SmolLM2-135M's shape
// with random weights, made for the benchmark. -cpu says how many threads
// compute.
func benchFile(b *testing.B) string {
	if path := os.Getenv("WINNOW_MODEL"); path != "" {
		return path
	}
	path, err := testmodel.File(b.TempDir(), "smollm2-135m", "q8_0")
	require.NoError(b, err)
	return path
}

// benchWeights opens the model for its forward pass alone.
func benchWeights(b *testing.B) model.Model {
	src, err := weights.Open(benchFile(b))
	require.NoError(b, err)
	pool := par.New(runtime.GOMAXPROCS(0))
	m, err := model.Open(src, pool)
	require.NoError(b, err)
	b.Cleanup(func() {
		pool.Close()
		src.Close()
	})
	return m
}

// BenchmarkLoad opens a model whose file is in memory, reads 16 tokens and knows
// the logits of the next.
func BenchmarkLoad(b *testing.B) {
	path := benchFile(b)
	for b.Loop() {
		m, err := winnow.Load(path, winnow.Options{})
		require.NoError(b, err)
		s, err := m.NewSession(kvcache.Config{})
		require.NoError(b, err)
		require.NoError(b, s.Append(context.Background(), make([]int32, 16), winnow.AppendOptions{}))
		require.NoError(b, m.Close())
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/first-token")
}

// BenchmarkPrefill reads prompts, alone and behind others.
func BenchmarkPrefill(b *testing.B) {
	m := benchWeights(b)
	for _, c := range []struct{ tokens, depth int }{{512, 0}, {2048, 0}, {128, 4096}, {128, 16384}} {
		b.Run(fmt.Sprintf("%d@%d", c.tokens, c.depth), func(b *testing.B) {
			before := newDeep(b, m, kvcache.Config{}, c.depth)
			tokens := make([]int32, c.tokens)
			for j := range tokens {
				tokens[j] = int32(j * 7919 % m.Config().VocabSize)
			}
			for b.Loop() {
				d := &deep{m: m, kv: before.kv.Fork(), at: before.at, seqs: make([]model.Seq, 1)}
				d.read(b, tokens, kvcache.Step{Prompt: true})
			}
			b.ReportMetric(float64(c.tokens*b.N)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}

// BenchmarkDecode writes on behind prompts of several lengths, with everything
// kept and with SnapKV, with each cache format. B/token is the cache at the end
// per token of the sequence.
func BenchmarkDecode(b *testing.B) {
	m := benchWeights(b)
	policies := []struct {
		name   string
		policy kvcache.Policy
	}{{"none", nil}, {"snapkv1024", policy.SnapKV{Budget: 1024}}}
	for _, depth := range []int{0, 4096, 16384} {
		for _, p := range policies {
			for _, f := range []quant.Format{quant.F16, quant.Int8} {
				if depth == 0 && (p.policy != nil || f != quant.F16) {
					continue // what is kept of nothing is all the same
				}
				b.Run(fmt.Sprintf("depth%d/%s/%s", depth, p.name, f.Name()), func(b *testing.B) {
					d := newDeep(b, m, kvcache.Config{K: f, V: f, Policy: p.policy}, depth)
					token := []int32{1}
					for b.Loop() {
						d.read(b, token, kvcache.Step{})
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
					b.ReportMetric(float64(d.kv.Bytes())/float64(d.at), "B/token")
				})
			}
		}
	}
}

// BenchmarkTogether decodes several sequences in one pass, each behind a prompt
// of 16 tokens.
func BenchmarkTogether(b *testing.B) {
	m := benchWeights(b)
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			seqs, deeps, s := make([]model.Seq, n), make([]*deep, n), new(model.Scratch)
			for i := range seqs {
				deeps[i] = newDeep(b, m, kvcache.Config{}, 16)
				seqs[i] = model.Seq{Tokens: []int32{int32(i)}, Pos: make([]int32, 1), KV: deeps[i].kv}
			}
			for b.Loop() {
				for i, d := range deeps {
					seqs[i].Pos[0] = int32(d.at)
					d.at++
					d.kv.Begin(kvcache.Step{Pos: seqs[i].Pos})
				}
				require.NoError(b, m.Forward(context.Background(), seqs, s))
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
