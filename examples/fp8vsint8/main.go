// Fp8vsint8 asks whether eight bits are better spent on a floating-point number
// or on an integer: on distributions, on the weights, activations and cached
// rows of a model, and by what each costs its predictions and its retrieval.
//
//	fp8vsint8 -model model.gguf -text a.txt -text b.txt -out folder
//
// It writes fp8-vs-int8.md and pictures in SVG into the folder.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/winnowlm/winnow/examples/internal/cli"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "fp8vsint8", compare(ctx, args, stdout, stderr))
}

// options are what the flags say.
type options struct {
	model          string
	texts          []string
	out            string
	tokens, window int
	needles        int
	length         int
	threads        int
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	fs := cli.Flags("fp8vsint8")
	fs.StringVar(&o.model, "model", "", "`path` of a .gguf file")
	fs.Var((*cli.Strings)(&o.texts), "text", "`file` with text that the model reads; may be given again")
	fs.StringVar(&o.out, "out", "", "`folder` to write to")
	fs.IntVar(&o.tokens, "tokens", 4096, "most `tokens` of each text")
	fs.IntVar(&o.window, "window", 1024, "`tokens` that are read together")
	fs.IntVar(&o.needles, "n", 24, "`questions` about hidden facts; 0: none")
	fs.IntVar(&o.length, "length", 1024, "`tokens` of the texts that hide them")
	fs.IntVar(&o.threads, "threads", 0, "goroutines that compute; 0: one per processor")
	if err := cli.Parse(fs, args, "-model FILE -text FILE -out DIR [flags]", stdout); err != nil {
		return o, err
	}
	switch {
	case o.model == "":
		return o, cli.Usagef("want a model: -model FILE")
	case len(o.texts) == 0:
		return o, cli.Usagef("want text to read: -text FILE")
	case o.out == "":
		return o, cli.Usagef("want a folder to write to: -out DIR")
	case o.tokens < 2 || o.window < 2 || o.needles < 0 || o.length < 1:
		return o, cli.Usagef("got -tokens %d -window %d -n %d -length %d, want 2, 2, 0 and 1 or more", o.tokens, o.window, o.needles, o.length)
	case o.threads < 0 || o.threads > cli.MaxThreads:
		return o, cli.Usagef("-threads: got %d, want 0 to %d", o.threads, cli.MaxThreads)
	}
	return o, nil
}

func compare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	st, err := newStudy(o)
	if err != nil {
		return err
	}
	p := cli.NewProgress(stderr, "comparing")
	err = st.run(ctx, p.Show)
	p.End()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o777); err != nil {
		return err
	}
	for name, text := range map[string]string{"fp8-vs-int8.md": st.markdown(), "fp8-vs-int8-sqnr.svg": st.sqnrPicture(), "fp8-vs-int8-loss.svg": st.lossPicture()} {
		if err := os.WriteFile(filepath.Join(o.out, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	fmt.Fprintf(stdout, "%s holds the answer, with pictures.\n", filepath.Join(o.out, "fp8-vs-int8.md"))
	return nil
}
