// Pocketeval measures what package pocket's model can do, in the tables of
// docs/pocket.md: facts found in long texts, variables followed, and how well
// a text is predicted.
//
//	pocketeval -n 100
//	pocketeval -n 100 -text novel.txt
//	pocketeval -n 20 -lengths 512,1024 -policy snapkv -budget 256
//
// Answers are greedy and right or wrong as a whole. The model never saw the
// keys, the values or the texts while it was trained; without -text the
// haystacks are sentences of package eval.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/pocket"
	"github.com/winnowlm/winnow/tokenizer"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "pocketeval", evaluate(ctx, args, stdout))
}

type options struct {
	model, text string
	n           int
	lengths     []int
	seed        uint64
	threads     int
	cache       kvcache.Config
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	fs := cli.Flags("pocketeval")
	fs.StringVar(&o.model, "model", "", "`path` of another model; none: pocket")
	fs.StringVar(&o.text, "text", "", "`file` that haystacks are cut from, and whose loss is taken")
	fs.IntVar(&o.n, "n", 100, "`cases` of each task and length")
	lengths := fs.String("lengths", "512,1024,2048,4096", "`tokens` of question, text and answer together")
	fs.Uint64Var(&o.seed, "seed", 1, "`number` that chooses the cases")
	fs.IntVar(&o.threads, "threads", 0, "goroutines that compute; 0: one per processor")
	cache := cli.CacheFlags(fs)
	if err := cli.Parse(fs, args, "[flags]", stdout); err != nil {
		return o, err
	}
	for _, s := range strings.Split(*lengths, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 256 || n > 1<<20 {
			return o, cli.Usagef("-lengths: got %q, want numbers of at least 256 with commas between them", *lengths)
		}
		o.lengths = append(o.lengths, n)
	}
	switch {
	case o.n < 1:
		return o, cli.Usagef("-n: got %d, want at least 1", o.n)
	case o.threads < 0 || o.threads > cli.MaxThreads:
		return o, cli.Usagef("-threads: got %d, want 0 to %d", o.threads, cli.MaxThreads)
	}
	var err error
	o.cache, err = cache.Config()
	return o, err
}

func (o options) open() (*winnow.Model, error) {
	if o.model == "" {
		return pocket.Open(winnow.Options{Threads: o.threads})
	}
	return winnow.Load(o.model, winnow.Options{Threads: o.threads})
}

func evaluate(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	hay, text := eval.Prose(), ""
	if o.text != "" {
		data, err := os.ReadFile(o.text)
		if err != nil {
			return err
		}
		text = string(data)
		if hay, err = eval.Text(text); err != nil {
			return err
		}
	}
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	fmt.Fprint(stdout, "| right of ", o.n, " |")
	for _, n := range o.lengths {
		fmt.Fprintf(stdout, " %d |", n)
	}
	fmt.Fprint(stdout, "\n|---|", strings.Repeat("---:|", len(o.lengths)), "\n")
	for _, t := range tasks(hay) {
		fmt.Fprintf(stdout, "| %s |", t.name)
		for _, n := range o.lengths {
			right, err := o.count(ctx, m, t, n)
			if err != nil {
				fmt.Fprintln(stdout)
				return err
			}
			fmt.Fprintf(stdout, " %d |", right)
		}
		fmt.Fprintln(stdout)
	}
	if text == "" {
		return nil
	}
	bits, err := o.loss(ctx, m, text)
	if err == nil {
		_, err = fmt.Fprintf(stdout, "\nloss on the text: %.3f bits per character\n", bits)
	}
	return err
}

// count returns how many cases are answered rightly.
func (o options) count(ctx context.Context, m *winnow.Model, t task, length int) (int, error) {
	samples, err := eval.Fit{Tokens: length, Position: t.position, Seed: o.seed, N: o.n}.Samples(m.Tokenizer(), t.task)
	if err != nil {
		return 0, err
	}
	right := 0
	setup := eval.Setup{Model: m, Cache: func(int) kvcache.Config { return o.cache }}
	for r, err := range eval.Run(ctx, setup, samples, t.position) {
		if err != nil {
			return 0, err
		}
		if r.Score == 1 {
			right++
		}
	}
	return right, nil
}

// Windows of the text whose loss is taken, and their length in tokens, which
// is that of most of what the model was trained on.
const windows, window = 40, 512

func (o options) loss(ctx context.Context, m *winnow.Model, text string) (float64, error) {
	ids := m.Tokenizer().Encode(text, tokenizer.EncodeOptions{Bare: true})
	if len(ids) < windows*window {
		return 0, fmt.Errorf("-text: got %d tokens, want at least %d", len(ids), windows*window)
	}
	var all eval.Loss
	for i := range windows {
		s, err := m.NewSession(o.cache)
		if err != nil {
			return 0, err
		}
		at := i * (len(ids) - window + 1) / windows
		part := append([]int32{m.Tokenizer().BOS()}, ids[at:at+window-1]...)
		l, err := eval.TextLoss(ctx, s, part, eval.Reading{Prompt: 1, Whole: true})
		if err != nil {
			return 0, err
		}
		all.Nats = append(all.Nats, l.Nats...)
		all.Chars += l.Chars
	}
	return all.BitsPerChar(), nil
}
