// Generate continues a text.
//
//	generate -prompt "Once upon a time"
//	generate -model FILE|DIR -prompt "Once upon a time" -n 100
//	generate -model FILE|DIR -file book.txt -policy snapkv -budget 1024 -k int8 -v int8
//	generate -model FILE|DIR -temp 0.8 -top-p 0.95 -seed 7 <prompt.txt
//
// Without -model the text is that of the small model in the program, which
// writes simple English and answers questions about facts in its prompt (see
// package pocket).
//
// The new text goes to standard output as it comes, what it took to standard
// error. With -json both come as one object on standard output. Ctrl-C ends
// the text where it is.
package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/tokenizer"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "generate", generate(ctx, args, stdin, stdout, stderr))
}

func generate(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	prompt, err := o.text.Read(ctx, stdin)
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
	s, err := m.NewSession(o.cache)
	if err != nil {
		return err
	}
	ids := m.Tokenizer().Encode(prompt, tokenizer.EncodeOptions{Special: o.generate.Special})
	if o.json {
		var text strings.Builder
		r, err := write(ctx, s, ids, o.generate, &text, stderr)
		r.Text = text.String()
		if s.Stats().PromptTokens == 0 {
			return err
		}
		if err := cli.WriteJSON(stdout, r); err != nil {
			return err
		}
		return err
	}
	r, err := write(ctx, s, ids, o.generate, stdout, stderr)
	if s.Stats().PromptTokens > 0 {
		r.print(stderr)
	}
	return err
}

// write generates text into w and tells what it took, also when an error ends
// it.
func write(ctx context.Context, s *winnow.Session, prompt []int32, o winnow.GenerateOptions, w, stderr io.Writer) (report, error) {
	p := cli.NewProgress(stderr, "reading the prompt")
	o.Progress = p.Show
	r := report{PromptTokens: len(prompt)}
	start := time.Now()
	var failed error
	last := ""
	for token, err := range s.GenerateTokens(ctx, prompt, o) {
		p.End()
		if err == nil {
			_, err = io.WriteString(w, token.Text)
		}
		if failed = err; err != nil {
			break
		}
		if token.ID >= 0 && r.Tokens == 0 {
			r.FirstTokenSeconds = time.Since(start).Seconds()
		}
		if token.ID >= 0 {
			r.Tokens++
		}
		last += token.Text
		last = last[max(0, len(last)-1):]
	}
	p.End()
	if last != "\n" && cli.IsTerminal(w) {
		io.WriteString(w, "\n")
	}
	r.count(s)
	return r, failed
}
