package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/tokenizer"
)

// options are what the flags say.
type options struct {
	model, out         string
	types              *types
	method             string
	natural            bool
	rank               int
	weighting          calibrate.Weighting
	lorcOut            string
	calibrate          string
	tokens, sequence   int
	checkpoint         string
	test               []string
	testTokens, window int
	against            string
	threads            int
	json               bool
}

var weightings = map[string]calibrate.Weighting{"whitened": calibrate.Whitened, "rms": calibrate.RMS, "plain": calibrate.Plain}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	var typ, weighting string
	var overrides cli.Strings
	fs := cli.Flags("quantize")
	fs.StringVar(&o.model, "model", "", "`path` of a .gguf or .safetensors file or a Hugging Face folder")
	fs.StringVar(&o.out, "o", "", "`path` of the GGUF file to write")
	fs.StringVar(&typ, "type", "q4_k", "what the layers' matrices are stored in: "+typeNames()+"; the embedding and the output are q8_0, or this if it is larger")
	fs.Var(&overrides, "tensor", "`glob=type` for the matrices whose names match, the first that matches; may be given again")
	fs.StringVar(&o.method, "method", "rtn", "rtn rounds to nearest, gptq calibrates")
	fs.BoolVar(&o.natural, "natural", false, "gptq takes columns in their order, with scales found on the way, instead of the most important first")
	fs.IntVar(&o.rank, "lorc-rank", 0, "`rank` of LoRC's corrections; 0: none")
	fs.StringVar(&weighting, "lorc-weighting", "whitened", "what -calibrate shows to LoRC: whitened, all second moments; rms, those of each channel alone; plain, nothing")
	fs.StringVar(&o.lorcOut, "lorc-out", "", "`path` of the adapter to write; empty: that of -o with .lorc.gguf for its ending")
	fs.StringVar(&o.calibrate, "calibrate", "", "`file` with text to calibrate on")
	fs.IntVar(&o.tokens, "calibrate-tokens", 32768, "most `tokens` of it")
	fs.IntVar(&o.sequence, "sequence", 512, "`tokens` of it that are read as one text")
	fs.StringVar(&o.checkpoint, "checkpoint", "", "`file` from which a calibration goes on; removed when it is done")
	fs.Var((*cli.Strings)(&o.test), "test", "`file` with text whose perplexity is taken before and after; may be given again")
	fs.IntVar(&o.testTokens, "test-tokens", 8192, "most `tokens` of each")
	fs.IntVar(&o.window, "window", 1024, "`tokens` of it that are read as one text")
	fs.StringVar(&o.against, "against", "", "`path` of the same model stored otherwise, with whose loss on the -test texts the new one's is paired too")
	fs.IntVar(&o.threads, "threads", 0, "goroutines that compute; 0: one per processor")
	fs.BoolVar(&o.json, "json", false, "print one JSON object")
	if err := cli.Parse(fs, args, "-model FILE|DIR -o FILE [flags]", stdout); err != nil {
		return o, err
	}
	var err error
	var ok bool
	if o.weighting, ok = weightings[weighting]; !ok {
		return o, cli.Usagef("-lorc-weighting: got %q, want whitened, rms or plain", weighting)
	}
	if o.types, err = newTypes(typ, overrides); err != nil {
		return o, err
	}
	if err := o.check(cli.Given(fs, "natural", "lorc-weighting", "lorc-out", "checkpoint", "calibrate-tokens", "sequence", "test-tokens", "window", "against")); err != nil {
		return o, err
	}
	if o.lorcOut == "" {
		o.lorcOut = o.out[:len(o.out)-len(filepath.Ext(o.out))] + ".lorc.gguf"
	}
	return o, nil
}

// check refuses what makes no sense, and those of the given flags that would do
// nothing.
func (o options) check(given []string) error {
	needs := map[string]struct {
		ok   bool
		what string
	}{
		"natural": {o.method == "gptq", "-method gptq"}, "lorc-weighting": {o.rank > 0, "-lorc-rank"}, "lorc-out": {o.rank > 0, "-lorc-rank"},
		"checkpoint": {o.calibrate != "", "-calibrate"}, "calibrate-tokens": {o.calibrate != "", "-calibrate"}, "sequence": {o.calibrate != "", "-calibrate"},
		"test-tokens": {len(o.test) > 0, "-test"}, "window": {len(o.test) > 0, "-test"}, "against": {len(o.test) > 0, "-test"},
	}
	for _, name := range given {
		if !needs[name].ok {
			return cli.Usagef("-%s does nothing without %s", name, needs[name].what)
		}
	}
	switch {
	case o.model == "":
		return cli.Usagef("want a model: -model FILE|DIR")
	case o.out == "":
		return cli.Usagef("want an output: -o FILE")
	case o.method != "rtn" && o.method != "gptq":
		return cli.Usagef("-method: got %q, want rtn or gptq", o.method)
	case o.method == "gptq" && o.calibrate == "":
		return cli.Usagef("-method gptq: want text to calibrate on: -calibrate FILE")
	case o.rank < 0 || o.rank > 1024:
		return cli.Usagef("-lorc-rank: got %d, want 0 to 1024", o.rank)
	case o.tokens < 1 || o.sequence < 1:
		return cli.Usagef("-calibrate-tokens, -sequence: got %d and %d tokens, want at least 1", o.tokens, o.sequence)
	case o.testTokens < 2 || o.window < 2:
		return cli.Usagef("-test-tokens, -window: got %d and %d tokens, want at least 2", o.testTokens, o.window)
	case o.threads < 0 || o.threads > cli.MaxThreads:
		return cli.Usagef("-threads: got %d, want 0 to %d", o.threads, cli.MaxThreads)
	}
	return nil
}

// texts reads the text to calibrate on, cut into sequences.
func (o options) texts(src *weights.Source) ([][]int32, error) {
	t, err := winnow.OpenTokenizer(src)
	if err != nil {
		return nil, err
	}
	return cut(t, o.calibrate, o.tokens, o.sequence)
}

// cut reads a file as sequences of n tokens, at most so many in all.
func cut(t *tokenizer.Tokenizer, path string, most, n int) ([][]int32, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	ids := t.Encode(string(text), tokenizer.EncodeOptions{})
	ids = ids[:min(len(ids), most)]
	var all [][]int32
	for lo := 0; lo < len(ids); lo += n {
		all = append(all, ids[lo:min(lo+n, len(ids))])
	}
	return all, nil
}
