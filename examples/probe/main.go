// Probe answers in the form of peer_llama.py, a driver of llama.cpp, so that
// the two can be compared line by line.
//
//	probe bench MODEL --pp 128,512 --tg 64 --depth 0 --threads 1,2 --kv f16 --reps 5
//	probe tokenize MODEL -p TEXT --ids
//	probe logits MODEL --tokens 1,2,3 -o FILE
//	probe greedy MODEL --tokens 1,2,3 -n 32
//
// As there, special tokens written in a text are read as such, and generation
// does not end where the model would.
package main

import (
	"context"
	"io"

	"github.com/winnowlm/winnow/examples/internal/cli"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "probe", probe(ctx, args, stdout))
}

func probe(ctx context.Context, args []string, stdout io.Writer) error {
	verbs := map[string]func(context.Context, string, []string, io.Writer) error{
		"bench": bench, "tokenize": tokenize, "logits": logits, "greedy": greedy,
	}
	if len(args) < 2 || verbs[args[0]] == nil {
		return cli.Usagef("want bench, tokenize, logits or greedy, then a model")
	}
	return verbs[args[0]](ctx, args[1], args[2:], stdout)
}
