package main

import (
	"io"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/pocket"
	"github.com/winnowlm/winnow/sample"
)

// options are what the flags say.
type options struct {
	model    string
	text     *cli.Text
	load     winnow.Options
	cache    kvcache.Config
	generate winnow.GenerateOptions
	json     bool
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	var temp, topP, minP float64
	fs := cli.Flags("generate")
	fs.StringVar(&o.model, "model", "", "`path` of a .gguf or .safetensors file or a Hugging Face folder; none: the small model in this program")
	fs.StringVar(&o.load.Adapter, "adapter", "", "`path` of a LoRA adapter in GGUF, such as quantize -lorc-rank writes")
	o.text = cli.TextFlags(fs, "prompt", "the text to continue")
	fs.IntVar(&o.generate.MaxTokens, "n", 256, "most `tokens` to generate; 0: until the model ends")
	fs.Float64Var(&temp, "temp", 0, "temperature; 0 takes the likeliest token")
	fs.IntVar(&o.generate.Sample.TopK, "top-k", 0, "sample from that many likeliest tokens; 0: all")
	fs.Float64Var(&topP, "top-p", 0, "sample from the likeliest tokens that make up this probability; 0: all")
	fs.Float64Var(&minP, "min-p", 0, "sample from tokens at least this probable relative to the likeliest; 0: all")
	fs.Uint64Var(&o.generate.Sample.Seed, "seed", 0, "stream of random numbers")
	fs.Var((*cli.Strings)(&o.generate.Stop), "stop", "`text` before which to end; may be given again")
	fs.BoolVar(&o.generate.Special, "special", false, "read special tokens written in the prompt as such")
	fs.IntVar(&o.load.Threads, "threads", 0, "goroutines that compute; 0: one per processor")
	fs.IntVar(&o.load.Context, "context", 0, "most `rows` in the cache; 0: the model's context")
	cache := cli.CacheFlags(fs)
	fs.BoolVar(&o.json, "json", false, "print one JSON object instead of the text")
	if err := cli.Parse(fs, args, "[-model FILE|DIR] [flags]", stdout); err != nil {
		return o, err
	}
	o.generate.Sample.Temperature, o.generate.Sample.TopP, o.generate.Sample.MinP = float32(temp), float32(topP), float32(minP)
	if filters := cli.Given(fs, "top-k", "top-p", "min-p"); len(filters) > 0 && len(cli.Given(fs, "temp")) == 0 {
		return o, cli.Usagef("-%s does nothing without -temp", filters[0])
	}
	var err error
	if o.cache, err = cache.Config(); err != nil {
		return o, err
	}
	return o, o.check()
}

// open opens the model that was asked for, else the one in the program.
func (o options) open() (*winnow.Model, error) {
	if o.model == "" {
		return pocket.Open(o.load)
	}
	return winnow.Load(o.model, o.load)
}

func (o options) check() error {
	if _, err := sample.New(o.generate.Sample); err != nil {
		return cli.Usagef("%v", err)
	}
	switch {
	case o.generate.MaxTokens < 0:
		return cli.Usagef("-n: got %d tokens, want 0 or more", o.generate.MaxTokens)
	case o.load.Threads < 0 || o.load.Threads > cli.MaxThreads:
		return cli.Usagef("-threads: got %d, want 0 to %d", o.load.Threads, cli.MaxThreads)
	case o.load.Context < 0:
		return cli.Usagef("-context: got %d rows, want 0 or more", o.load.Context)
	}
	return o.text.Check()
}
