package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/tokenizer"
)

// input is where the tokens come from.
type input struct {
	prompt, file string
	tokens       cli.Ints
	noSpecial    bool
}

func inputFlags(fs *flag.FlagSet) *input {
	var in input
	fs.StringVar(&in.prompt, "p", "The quick brown fox jumps over the lazy dog.", "the text")
	fs.StringVar(&in.file, "f", "", "`file` that holds the text")
	fs.Var(&in.tokens, "tokens", "`ids` instead of a text, such as 1,2,3")
	fs.BoolVar(&in.noSpecial, "no-special", false, "add neither the token that begins a sequence nor the one that ends it")
	return &in
}

// ids returns the given tokens or those of the text; t may be nil.
func (in *input) ids(t *tokenizer.Tokenizer) ([]int32, error) {
	if len(in.tokens) > 0 {
		ids := make([]int32, len(in.tokens))
		for j, id := range in.tokens {
			ids[j] = int32(id)
		}
		return ids, nil
	}
	if t == nil {
		return nil, winnow.ErrNoTokenizer
	}
	text := in.prompt
	if in.file != "" {
		data, err := os.ReadFile(in.file)
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	return t.Encode(text, tokenizer.EncodeOptions{Special: true, Bare: in.noSpecial}), nil
}

func tokenize(_ context.Context, model string, args []string, stdout io.Writer) error {
	fs := cli.Flags("probe tokenize")
	in := inputFlags(fs)
	plain := fs.Bool("ids", false, "print the numbers alone")
	if err := cli.Parse(fs, args, "MODEL [flags]", stdout); err != nil {
		return err
	}
	src, err := weights.Open(model)
	if err != nil {
		return err
	}
	defer src.Close()
	t, err := winnow.OpenTokenizer(src)
	if err != nil {
		return err
	}
	ids, err := in.ids(t)
	if err != nil {
		return err
	}
	if *plain {
		_, err := fmt.Fprintln(stdout, strings.Trim(fmt.Sprint(ids), "[]"))
		return err
	}
	pieces := make([]string, len(ids))
	for j, id := range ids {
		pieces[j] = escape(t.Text(id))
	}
	return cli.WriteJSON(stdout, struct {
		IDs    []int32  `json:"ids"`
		Pieces []string `json:"pieces"`
	}{ids, pieces})
}

// escape writes bytes that are not UTF-8 as \xff, as Python's backslashreplace
// does.
func escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		if _, n := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, text[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
