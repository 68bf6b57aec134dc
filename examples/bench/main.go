// Bench measures how fast a model reads and generates, in the manner of
// llama-bench: pp512 reads 512 tokens at once, tg64 generates 64, both on top
// of a prompt of each depth, which is read but once. tg16x8 generates 16 tokens
// of each of 8 sequences that decode together. ld16 opens the model and reads 16
// tokens, up to the logits of the next: 16 over its rate is the time from the
// start to the first token, with the file in memory.
//
//	bench -model FILE|DIR -p 512 -n 64 -d 0,4096 -threads 1,2 -r 5
//	bench -model FILE|DIR -d 1024,16384 -policy snapkv -budget 1024
//	bench -model FILE|DIR -p 0 -n 16 -seqs 8
//	bench -model FILE|DIR -p 0 -n 0 -l 16
//	bench -model FILE|DIR -json
//	bench -model shape:llama-3.2-1b:q8_0
//
// The last needs no file: it makes a model of that shape with random weights,
// whose speed is that of a trained one.
//
// With -json each line is an object. WINNOW_CPU=avx2 or go measures without
// the better instructions of the machine. With -turns it prints a line "ready"
// before each repeat and waits for one, so that two programs can take turns
// behind long prompts that each reads once.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/examples/internal/speed"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/model/weights"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "bench", bench(ctx, args, stdin, stdout))
}

func bench(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	plan := speed.Plan{Prompt: []int{512}, Generate: []int{64}, Depths: []int{0}, Threads: []int{runtime.GOMAXPROCS(0)}}
	fs := cli.Flags("bench")
	path := fs.String("model", "", "`path` of a .gguf file or a Hugging Face folder, or shape:NAME:FORMAT for random weights, NAME one of "+strings.Join(testmodel.Names(), ", "))
	fs.Var((*cli.Ints)(&plan.Prompt), "p", "`tokens` to read, such as 128,512; 0: none")
	fs.Var((*cli.Ints)(&plan.Generate), "n", "`tokens` to generate; 0: none")
	fs.Var((*cli.Ints)(&plan.First), "l", "`tokens` to read by a model that is opened for it")
	sequences := fs.Int("seqs", 0, "`sequences` that generate together, -n tokens each, and nothing else; 0: none")
	fs.Var((*cli.Ints)(&plan.Depths), "d", "`tokens` read before, such as 0,4096")
	fs.Var((*cli.Ints)(&plan.Threads), "threads", "`numbers` of goroutines that compute, such as 1,2")
	fs.IntVar(&plan.Repeats, "r", 5, "repeats of each test")
	turns := fs.Bool("turns", false, "before each repeat print \"ready\" and wait for a line from standard input")
	cache := cli.CacheFlags(fs)
	asJSON := fs.Bool("json", false, "print JSON lines instead of a table")
	if err := cli.Parse(fs, args, "-model FILE|DIR|shape:NAME:FORMAT [flags]", stdout); err != nil {
		return err
	}
	switch {
	case *path == "":
		return cli.Usagef("want a model: -model FILE|DIR, or shape:NAME:FORMAT for random weights")
	case plan.Repeats < 1:
		return cli.Usagef("-r: got %d repeats, want at least 1", plan.Repeats)
	case slices.Min(plan.Threads) < 1 || slices.Max(plan.Threads) > cli.MaxThreads:
		return cli.Usagef("-threads: got %v, want numbers from 1 to %d", plan.Threads, cli.MaxThreads)
	case slices.Max(slices.Concat(plan.First, plan.Prompt, plan.Generate)) == 0:
		return cli.Usagef("-l, -p and -n: got 0 for all, want something to measure")
	case *sequences < 0 || *sequences > maxSequences || *sequences > 0 && plan.Generate[0] == 0:
		return cli.Usagef("-seqs: got %d that generate %d tokens, want 0 to %d, and 1 token or more", *sequences, plan.Generate[0], maxSequences)
	case *turns && (*sequences > 0 || len(plan.First) > 0):
		return cli.Usagef("-turns: got it with -seqs or -l, whose repeats take no turns")
	}
	var err error
	if plan.Cache, err = cache.Config(); err != nil {
		return err
	}
	file, remove, err := modelFile(*path)
	if err != nil {
		return err
	}
	defer remove()
	head, err := describe(file)
	if err != nil {
		return err
	}
	head.K, head.V, head.Policy = cache.K, cache.V, cache.Policy
	if head.MaxBytes = int64(cache.Bytes); cache.Policy != "none" && head.MaxBytes == 0 {
		head.Budget = cache.Budget
	}
	if *turns {
		plan.Turn = turn(stdin, stdout)
	}
	t := table{w: stdout, head: head, json: *asJSON}
	open := func(o winnow.Options) (*winnow.Model, error) { return winnow.Load(file, o) }
	if *sequences > 0 {
		return plan.Together(ctx, file, *sequences, t.row)
	}
	return plan.Run(ctx, open, t.row)
}

// turn returns what waits for a line of r after saying so to w.
func turn(r io.Reader, w io.Writer) func() error {
	lines := bufio.NewReader(r)
	return func() error {
		if _, err := fmt.Fprintln(w, "ready"); err != nil {
			return err
		}
		if _, err := lines.ReadSlice('\n'); err != nil {
			return fmt.Errorf("-turns: want a line for each repeat: %w", err)
		}
		return nil
	}
}

// maxSequences is more than any machine generates for together.
const maxSequences = 1024

// modelFile returns the path of the model: the one given, or that of a file of
// random weights, which remove removes.
func modelFile(path string) (file string, remove func(), err error) {
	shape, ok := strings.CutPrefix(path, "shape:")
	if !ok {
		return path, func() {}, nil
	}
	name, format, ok := strings.Cut(shape, ":")
	if !ok {
		return "", nil, cli.Usagef("-model: got %q, want shape:NAME:FORMAT", path)
	}
	dir, err := os.MkdirTemp("", "winnow-bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	if file, err = testmodel.File(dir, name, format); err != nil {
		remove()
	}
	return file, remove, err
}

// describe reads what is said of the model.
func describe(path string) (setting, error) {
	src, err := weights.Open(path)
	if err != nil {
		return setting{}, err
	}
	defer src.Close()
	s := machine()
	s.Model, s.Bytes = filepath.Base(path), src.Bytes()
	for _, t := range src.Infos() {
		values := int64(1)
		for _, d := range t.Shape {
			values *= int64(d)
		}
		s.Parameters += values
	}
	return s, nil
}
