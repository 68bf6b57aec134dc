// Inspect tells what is in a model file, what memory a session on it takes,
// and whether it can be run: if not, the reason goes to standard error and the
// exit status is 1.
//
//	inspect -model FILE|DIR
//	inspect -model FILE|DIR -context 32768 -budget 1024 -k int8 -v int8
//	inspect -model FILE|DIR -json
//
// A file without a model, such as a vocabulary alone, is described as far as
// it goes.
package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

func main() { cli.Main(run) }

func run(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "inspect", inspect(args, stdout))
}

func inspect(args []string, stdout io.Writer) error {
	fs := cli.Flags("inspect")
	path := fs.String("model", "", "`path` of a .gguf or .safetensors file or a Hugging Face folder")
	rows := fs.Int("context", 0, "`tokens` for which memory is estimated; 0: the model's context")
	budget := fs.Int("budget", 1024, "`rows` that a policy leaves in the second estimate")
	k := fs.String("k", "f16", "format of cached keys in the estimates: "+strings.Join(quant.Names(), ", "))
	v := fs.String("v", "f16", "format of cached values")
	asJSON := fs.Bool("json", false, "print one JSON object")
	if err := cli.Parse(fs, args, "-model FILE|DIR [flags]", stdout); err != nil {
		return err
	}
	switch {
	case *path == "":
		return cli.Usagef("want a model: -model FILE|DIR")
	case *rows < 0:
		return cli.Usagef("-context: got %d tokens, want 0 or more", *rows)
	case *budget < 1:
		return cli.Usagef("-budget: got %d rows, want at least 1", *budget)
	}
	full := winnow.EstimateOptions{Tokens: *rows}
	var err error
	if full.K, err = quant.ByName(*k); err != nil {
		return cli.Usagef("-k: %v", err)
	}
	if full.V, err = quant.ByName(*v); err != nil {
		return cli.Usagef("-v: %v", err)
	}
	small := full
	small.Budget = *budget
	r, err := describe(*path, full, small)
	if r == nil {
		return err
	}
	show := r.print
	if *asJSON {
		show = func(w io.Writer) error { return cli.WriteJSON(w, r) }
	}
	if err := show(stdout); err != nil {
		return err
	}
	return err
}

// describe reads as much as there is to read. The error says why the file
// cannot be run; the report is nil only if the file cannot be opened.
func describe(path string, estimates ...winnow.EstimateOptions) (*report, error) {
	src, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	r := &report{Path: path, Container: src.Container}
	r.tensors(src)
	r.names(src)
	r.Model = hasModel(src)
	if c, err := model.ReadConfig(src); r.Model && err == nil {
		r.Config = &c
		r.estimate(src, c, estimates)
	}
	tokErr := r.tokenizer(src)
	if !r.Model {
		return r, tokErr
	}
	m, err := winnow.Load(path, winnow.Options{Threads: 1})
	if err != nil {
		return r, err
	}
	return r, m.Close()
}

// hasModel reports whether there are tensors of a model.
func hasModel(src *weights.Source) bool {
	return slices.ContainsFunc(src.Infos(), func(t weights.Info) bool {
		return t.Name == "token_embd.weight" || strings.HasPrefix(t.Name, "blk.")
	})
}
