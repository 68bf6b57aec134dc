// Needle hides facts in a long text, asks for one, and shows side by side what
// the full cache and policies of one budget answer, and what each keeps.
//
//	needle
//	needle -tokens 8000 -budget 256 -facts 8 -seed 7
//
// The model is the small one of package pocket, so it needs no download. The
// text, the facts and the question are such as it was not trained on.
package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/pocket"
	"github.com/winnowlm/winnow/quant"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "needle", needle(ctx, args, stdout))
}

const answerTokens = 9 // a space, seven digits and what comes then

func needle(ctx context.Context, args []string, stdout io.Writer) error {
	fs := cli.Flags("needle")
	length := fs.Int("tokens", 4000, "`length` of the text, with the question and the answer")
	facts := fs.Int("facts", 4, "`number` of facts of one form that are hidden in it")
	budget := fs.Int("budget", 128, "`rows` per KV head that the policies leave")
	seed := fs.Uint64("seed", 1, "`number` that chooses the text")
	threads := fs.Int("threads", 0, "goroutines that compute; 0: one per processor")
	if err := cli.Parse(fs, args, "[flags]", stdout); err != nil {
		return err
	}
	if *threads < 0 || *threads > cli.MaxThreads {
		return cli.Usagef("-threads: got %d, want 0 to %d", *threads, cli.MaxThreads)
	}
	m, err := pocket.Open(winnow.Options{Threads: *threads})
	if err != nil {
		return err
	}
	defer m.Close()
	most := m.Context() - generated
	switch {
	case *length < 300 || *length > most:
		return cli.Usagef("-tokens: got %d, want 300 to %d", *length, most)
	case *facts < 1 || *facts > 32:
		return cli.Usagef("-facts: got %d, want 1 to 32", *facts)
	case *budget < 64 || *budget > *length:
		return cli.Usagef("-budget: got %d rows, want 64 to the %d tokens", *budget, *length)
	}
	task := eval.Needle{Hay: eval.Prose(), Keys: *facts, MaxTokens: answerTokens}
	samples, err := eval.Fit{Tokens: *length, Seed: *seed}.Samples(m.Tokenizer(), task)
	if err != nil {
		return err
	}
	return compare(ctx, m, samples[0], *facts, *budget, stdout)
}

func compare(ctx context.Context, m *winnow.Model, sample eval.Sample, facts, budget int, stdout io.Writer) error {
	prompt := sample.Prompts(eval.After)[0]
	fmt.Fprintf(stdout, "A text of %d words, which begins with\n  %.72s…\nhas %d facts in it, one of them %s. It ends with\n  %s%s …\n\n",
		len(strings.Fields(prompt)), sample.Text, facts, sample.Answers[0], strings.TrimSpace(sample.Question), sample.Cue)
	fmt.Fprintf(stdout, "%-27s  %-12s  %-5s  %10s  %6s  %7s\n", "cache", "answer", "", "memory", "rows", "tok/s")
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
		a, err := ask(ctx, m, prompt, c.cfg)
		if err != nil {
			return err
		}
		verdict := "wrong"
		if sample.Score(a.text) == 1 {
			verdict = "right"
		}
		fmt.Fprintf(stdout, "%-27s  %-12.12s  %-5s  %10s  %6d  %7.0f\n", c.name, strings.Join(strings.Fields(a.text), " "), verdict, cli.Bytes(a.bytes), a.rows, a.rate)
	}
	fmt.Fprint(stdout, explanation)
	return nil
}

const explanation = `
What the question attends to stays under SnapKV, and with it the rows that
follow: the digits of the answer. A window of the same size has none of them.
`

// snap is SnapKV with a kernel that keeps the neighbours of what is found: an
// answer of seven digits, a token each, follows the row that the question
// attends to.
func snap(budget int) policy.SnapKV {
	return policy.SnapKV{Budget: budget, Observe: 32, Kernel: 21, Pool: policy.Max}
}

// generated is how many tokens are timed.
const generated = 64

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
	for _, err := range s.Generate(ctx, "", winnow.GenerateOptions{MaxTokens: generated, IgnoreEnd: true}) {
		if err != nil {
			return answered{}, err
		}
	}
	after := s.Stats()
	a.rate = cli.Rate(after.GeneratedTokens-before.GeneratedTokens, after.DecodeTime-before.DecodeTime)
	return a, nil
}
