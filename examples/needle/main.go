// Needle hides facts in a long text, asks for one, and shows side by side what
// the full cache and policies of one budget answer, and what each keeps.
//
//	needle
//	needle -words 20000 -budget 256 -seed 7
//
// The model is one whose weights are written down, not trained: a two-layer
// transformer that can do nothing but find where the last two words stood
// before and go on from there. So it needs no download, and a wrong answer is
// the cache's doing.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "needle", needle(ctx, args, stdout))
}

// hidden are the depths of the facts in the text; the first is asked for.
var hidden = []float64{0.4, 0.05, 0.7, 0.95}

const answerTokens = 3

func needle(ctx context.Context, args []string, stdout io.Writer) error {
	fs := cli.Flags("needle")
	words := fs.Int("words", 4000, "`length` of the text")
	budget := fs.Int("budget", 128, "`rows` per KV head that SnapKV and the window leave")
	seed := fs.Uint64("seed", 1, "`number` that chooses the text")
	threads := fs.Int("threads", 0, "goroutines that compute; 0: one per processor")
	if err := cli.Parse(fs, args, "[flags]", stdout); err != nil {
		return err
	}
	switch {
	case *words < 100 || *words > 1<<19:
		return cli.Usagef("-words: got %d, want 100 to %d", *words, 1<<19)
	case *budget < 16 || *budget > *words:
		return cli.Usagef("-budget: got %d rows, want 16 to the %d words", *budget, *words)
	case *threads < 0 || *threads > cli.MaxThreads:
		return cli.Usagef("-threads: got %d, want 0 to %d", *threads, cli.MaxThreads)
	}
	file, err := testmodel.Retriever(quant.F16)
	if err != nil {
		return err
	}
	m, err := winnow.LoadReaderAt(bytes.NewReader(file), int64(len(file)), winnow.Options{Threads: *threads})
	if err != nil {
		return err
	}
	defer m.Close()
	text, facts := testmodel.Haystack(*seed, *words, hidden...)
	return compare(ctx, m, text, facts[0], *budget, stdout)
}

func compare(ctx context.Context, m *winnow.Model, text string, fact testmodel.Needle, budget int, stdout io.Writer) error {
	fmt.Fprintf(stdout, "Somewhere in a text of %d words:%s%s .\nThe text ends with the question:%s …\n\n", len(strings.Fields(text)), fact.Question(), fact.Value, fact.Question())
	fmt.Fprintf(stdout, "%-27s  %-24s  %-5s  %10s  %9s  %9s\n", "cache", "answer", "", "memory", "rows", "tok/s")
	for _, c := range []struct {
		name string
		cfg  kvcache.Config
	}{
		{"full", kvcache.Config{}},
		{"full, int8", kvcache.Config{K: quant.Int8, V: quant.Int8}},
		{"SnapKV", kvcache.Config{Policy: snap(budget)}},
		{"SnapKV, int8", kvcache.Config{K: quant.Int8, V: quant.Int8, Policy: snap(budget)}},
		{"Ada-KV", kvcache.Config{Policy: policy.AdaKV{Scorer: snap(budget)}}},
		{"TOVA", kvcache.Config{Policy: policy.TOVA{Budget: budget}}},
		{"H2O", kvcache.Config{Policy: policy.H2O{Heavy: budget / 2, Recent: budget / 2}}},
		{"KeyDiff", kvcache.Config{Policy: policy.KeyDiff{Budget: budget}}},
		{"Recycled (full, reads less)", kvcache.Config{Policy: policy.Recycled{TopK: budget, Stride: 16}}},
		{"window of the same size", kvcache.Config{Policy: policy.Window{Sink: 4, Recent: budget - 4}}},
	} {
		a, err := ask(ctx, m, text+fact.Question(), c.cfg)
		if err != nil {
			return err
		}
		verdict := "wrong"
		if a.text == fact.Value {
			verdict = "right"
		}
		fmt.Fprintf(stdout, "%-27s  %-24.24s  %-5s  %10s  %9d  %9.0f\n", c.name, strings.TrimSpace(a.text), verdict, cli.Bytes(a.bytes), a.rows, a.rate)
	}
	fmt.Fprint(stdout, explanation)
	return nil
}

const explanation = `
The first word is always right: it comes from the prompt's own pass, which sees
everything. The others need rows that only some policies keep: those to which
the question attends, and their neighbours.
`

// snap is SnapKV with a kernel that keeps the neighbours of what is found: an
// answer of three words follows the row that the question attends to.
func snap(budget int) policy.SnapKV {
	return policy.SnapKV{Budget: budget, Observe: min(16, budget/2), Kernel: 7, Pool: policy.Max}
}

type answered struct {
	text  string
	bytes int64 // of the cache
	rows  int
	rate  float64 // tokens generated a second, behind the answer too
}

func ask(ctx context.Context, m *winnow.Model, prompt string, cfg kvcache.Config) (answered, error) {
	s, err := m.NewSession(cfg)
	if err != nil {
		return answered{}, err
	}
	var a answered
	for token, err := range s.Generate(ctx, prompt, winnow.GenerateOptions{MaxTokens: answerTokens}) {
		if err != nil {
			return answered{}, err
		}
		a.text += token.Text
	}
	a.bytes, a.rows = s.Cache().Bytes(), s.Cache().Rows()
	before := s.Stats()
	for _, err := range s.Generate(ctx, "", winnow.GenerateOptions{MaxTokens: 64, IgnoreEnd: true}) {
		if err != nil {
			return answered{}, err
		}
	}
	after := s.Stats()
	a.rate = cli.Rate(after.GeneratedTokens-before.GeneratedTokens, after.DecodeTime-before.DecodeTime)
	return a, nil
}
