// Compare judges cache policies on a model: how well it answers questions about
// long texts and predicts what follows when a policy keeps a share of the cache.
//
//	compare
//	compare -model model.gguf -policies snapkv,recycled,streamingllm -keep 50,12.5 -length 4096 -n 50
//	compare -model model.gguf -tasks all -haystack essays.txt -out results
//
// It writes a report in Markdown with pictures in SVG, and the numbers as CSV
// and JSON, into a folder. Ctrl-C ends it and writes what is known by then.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "compare", compare(ctx, args, stdout, stderr))
}

func compare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Tokenizer() == nil {
		return winnow.ErrNoTokenizer
	}
	if err := os.MkdirAll(o.out, 0o777); err != nil {
		return err
	}
	st, err := newStudy(o, m)
	if err != nil {
		return err
	}
	p := cli.NewProgress(stderr, "comparing")
	failed := st.run(ctx, p.Show)
	p.End()
	if failed != nil && ctx.Err() == nil {
		return failed
	}
	if err := st.write(); err != nil {
		return err
	}
	st.print(stdout)
	fmt.Fprintf(stdout, "\n%s/report.md holds this, with pictures; scores.csv and report.json the numbers.\n", o.out)
	return failed
}
