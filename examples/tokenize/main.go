// Tokenize prints the token ids of a text as a JSON array, or the text of ids.
// It needs nothing of a model but its tokenizer.
//
//	tokenize -model FILE|DIR -text "Once upon a time"
//	tokenize -model FILE|DIR -special -bare <chat.txt
//	tokenize -model FILE|DIR -decode '[1, 403, 407]'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/tokenizer"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "tokenize", tokenize(ctx, args, stdin, stdout))
}

func tokenize(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	fs := cli.Flags("tokenize")
	model := fs.String("model", "", "`path` of a .gguf file or a Hugging Face folder")
	text := cli.TextFlags(fs, "text", "the text")
	special := fs.Bool("special", false, "read special tokens written in the text as such")
	bare := fs.Bool("bare", false, "add neither the token that begins a sequence nor the one that ends it")
	decode := fs.String("decode", "", "JSON array of `ids` whose text to print")
	if err := cli.Parse(fs, args, "-model FILE|DIR [flags]", stdout); err != nil {
		return err
	}
	if *model == "" {
		return cli.Usagef("want a model: -model FILE|DIR")
	}
	if err := text.Check(); err != nil {
		return err
	}
	if len(cli.Given(fs, "decode")) == 0 {
		in, err := text.Read(ctx, stdin)
		if err != nil {
			return err
		}
		return encode(*model, in, tokenizer.EncodeOptions{Special: *special, Bare: *bare}, stdout)
	}
	if other := cli.Given(fs, "text", "file", "special", "bare"); len(other) > 0 {
		return cli.Usagef("-%s does nothing with -decode", other[0])
	}
	var ids []int32
	if err := json.Unmarshal([]byte(*decode), &ids); err != nil {
		return cli.Usagef("-decode: want a JSON array of ids: %v", err)
	}
	return print(*model, ids, stdout)
}

func encode(model, text string, o tokenizer.EncodeOptions, stdout io.Writer) error {
	tok, err := open(model)
	if err != nil {
		return err
	}
	return cli.WriteJSON(stdout, tok.Encode(text, o))
}

func print(model string, ids []int32, stdout io.Writer) error {
	tok, err := open(model)
	if err != nil {
		return err
	}
	for j, id := range ids {
		if id < 0 || int(id) >= tok.VocabSize() {
			return fmt.Errorf("id %d is %d, want 0 to %d", j, id, tok.VocabSize()-1)
		}
	}
	text := tok.Decode(ids)
	if cli.IsTerminal(stdout) && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err = io.WriteString(stdout, text)
	return err
}

// open returns the tokenizer in a file of which nothing else needs to make
// sense.
func open(model string) (*tokenizer.Tokenizer, error) {
	src, err := weights.Open(model)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return winnow.OpenTokenizer(src)
}
