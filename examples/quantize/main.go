// Quantize stores the weights of a model in fewer bits.
//
//	quantize -model model.gguf -type q4_k -o small.gguf
//	quantize -model folder -type q3_k -method gptq -calibrate text.txt -test other.txt -o small.gguf
//	quantize -model model.gguf -type q4_0 -tensor 'blk.*.ffn_down.weight=q6_k' -lorc-rank 8 -lorc-out fix.gguf -calibrate text.txt -o small.gguf
//
// The model is a .gguf or .safetensors file or a Hugging Face folder, the output
// a GGUF file that llama.cpp reads as well. LoRC's corrections are a LoRA
// adapter beside it, for -adapter of generate and --lora of llama.cpp. What each
// matrix lost goes to standard output, and with -test the perplexity before and
// after. Ctrl-C leaves no half file; with -checkpoint a calibration goes on where
// it was.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model/weights"
)

func main() { cli.Main(run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	return cli.Exit(stderr, "quantize", quantize(ctx, args, stdout, stderr))
}

func quantize(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	r, err := o.quantize(ctx, stderr)
	if err != nil {
		return err
	}
	if r.Perplexity, err = o.perplexities(ctx, stderr); err != nil {
		return err
	}
	if o.json {
		return cli.WriteJSON(stdout, r)
	}
	return r.print(stdout, o.against)
}

// quantize writes the model, and LoRC's adapter.
func (o options) quantize(ctx context.Context, stderr io.Writer) (*report, error) {
	src, err := weights.Open(o.model)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	out, err := newOutput(src)
	if err != nil {
		return nil, err
	}
	c := calibrate.Options{Format: o.types.format, Rank: o.rank, Weighting: o.weighting, Threads: o.threads, Checkpoint: o.checkpoint}
	if o.method == "gptq" {
		c.GPTQ = &calibrate.GPTQ{Natural: o.natural}
	}
	if o.calibrate != "" {
		if c.Texts, err = o.texts(src); err != nil {
			return nil, err
		}
	}
	p := cli.NewProgress(stderr, "quantizing")
	c.Progress = func(at calibrate.Progress) { p.Show(at.Done, at.Todo) }
	result, err := calibrate.Quantize(ctx, src, c)
	p.End()
	if err != nil {
		return nil, err
	}
	if err := o.types.unused(); err != nil {
		return nil, err
	}
	if err := write(ctx, o.out, func(w io.Writer) error { return out.write(w, result.Tensors) }); err != nil {
		return nil, err
	}
	if o.rank > 0 {
		pairs := out.pairs(result.Pairs)
		if err := write(ctx, o.lorcOut, func(w io.Writer) error { return calibrate.WriteAdapter(w, out.architecture, pairs) }); err != nil {
			return nil, err
		}
	}
	if o.checkpoint != "" {
		if err := os.Remove(o.checkpoint); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return newReport(o, src, result), nil
}

// write writes a file beside path and then moves it there.
func write(ctx context.Context, path string, to func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(stopping{ctx, f}, 1<<20)
	if err := errors.Join(to(w), w.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// stopping is a writer that ends with its context.
type stopping struct {
	ctx context.Context
	w   io.Writer
}

func (s stopping) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}
