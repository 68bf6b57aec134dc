package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// report tells what the model lost. Bytes are those of all tensors.
type report struct {
	Out           string             `json:"out"`
	Adapter       string             `json:"adapter,omitempty"`
	Before        int64              `json:"bytes_before"`
	After         int64              `json:"bytes_after"`
	AdapterBytes  int64              `json:"bytes_of_adapter,omitempty"`
	BitsPerWeight float64            `json:"bits_per_weight"` // of the matrices, adapter included
	Matrices      []calibrate.Report `json:"matrices"`
	Perplexity    []perplexity       `json:"perplexity,omitempty"`
}

// perplexity is that of one text. Change is the mean change of the loss of a
// token in nats, with its 95 % interval.
type perplexity struct {
	Text   string     `json:"text"`
	Tokens int        `json:"tokens"`
	Before float64    `json:"before"`
	After  float64    `json:"after"`
	Change eval.Delta `json:"change"`
}

func newReport(o options, src *weights.Source, result *calibrate.Result) *report {
	r := &report{Out: o.out, Before: src.Bytes(), Matrices: result.Report}
	for _, t := range result.Tensors {
		r.After += int64(len(t.Data))
	}
	for _, t := range result.Pairs {
		r.AdapterBytes += int64(len(t.Data))
	}
	if o.rank > 0 {
		r.Adapter = o.lorcOut
	}
	var bytes, values int64
	for _, m := range result.Report {
		bytes += int64(m.Bytes + m.PairBytes)
		values += int64(m.Rows) * int64(m.Cols)
	}
	r.BitsPerWeight = 8 * float64(bytes) / float64(max(1, values))
	return r
}

// perplexities judges the model that was read and the one that was written.
func (o options) perplexities(ctx context.Context, stderr io.Writer) ([]perplexity, error) {
	if len(o.test) == 0 {
		return nil, nil
	}
	before, err := o.losses(ctx, stderr, o.model, "")
	if err != nil {
		return nil, err
	}
	adapter := ""
	if o.rank > 0 {
		adapter = o.lorcOut
	}
	after, err := o.losses(ctx, stderr, o.out, adapter)
	if err != nil {
		return nil, err
	}
	var all []perplexity
	for i, path := range o.test {
		change, err := after[i].Against(before[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w: the tokenizer that was written encodes otherwise", path, err)
		}
		all = append(all, perplexity{path, len(after[i].Nats), before[i].Perplexity(), after[i].Perplexity(), change})
	}
	return all, nil
}

// losses reads the texts, a window at a time, with the exact cache.
func (o options) losses(ctx context.Context, stderr io.Writer, path, adapter string) ([]eval.Loss, error) {
	m, err := winnow.Load(path, winnow.Options{Threads: o.threads, Adapter: adapter})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if m.Tokenizer() == nil {
		return nil, winnow.ErrNoTokenizer
	}
	p := cli.NewProgress(stderr, "reading the texts with "+path)
	defer p.End()
	var all []eval.Loss
	for i, text := range o.test {
		windows, err := cut(m.Tokenizer(), text, o.testTokens, o.window)
		if err != nil {
			return nil, err
		}
		var loss eval.Loss
		for j, ids := range windows {
			if len(ids) < 2 {
				continue // nothing to predict
			}
			s, err := m.NewSession(kvcache.Config{K: quant.F32, V: quant.F32})
			if err != nil {
				return nil, err
			}
			l, err := eval.TextLoss(ctx, s, ids, eval.Reading{Prompt: 1, Whole: true})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", text, err)
			}
			loss.Nats = append(loss.Nats, l.Nats...)
			p.Show(i*len(windows)+j, len(o.test)*len(windows))
		}
		if len(loss.Nats) == 0 {
			return nil, fmt.Errorf("%s: want text of at least 2 tokens", text)
		}
		all = append(all, loss)
	}
	return all, nil
}

func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "tensor\tshape\ttype\tsqnr dB\toutput error: rounded\tstored\tcorrected\t")
	for _, m := range r.Matrices {
		fmt.Fprintf(t, "%s\t%d×%d\t%s\t%.1f\t%s\t%s\t%s\t\n", m.Name, m.Rows, m.Cols, m.Format, m.SQNR, share(m.Rounded), share(m.Output), share(m.Corrected))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s: %s, was %s, %.2f bits a weight", r.Out, cli.Bytes(r.After), cli.Bytes(r.Before), r.BitsPerWeight)
	if r.Adapter != "" {
		fmt.Fprintf(w, " with %s: %s", r.Adapter, cli.Bytes(r.AdapterBytes))
	}
	fmt.Fprintln(w)
	for _, p := range r.Perplexity {
		fmt.Fprintf(w, "%s: perplexity %.4f, was %.4f, on %d tokens; loss %+.4f nats a token, 95 %% of %+.4f to %+.4f\n",
			p.Text, p.After, p.Before, p.Tokens, p.Change.Mean, p.Change.Low, p.Change.High)
	}
	return nil
}

// share writes a share of the output's energy in dB, nothing where it is not
// known.
func share(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f dB", 10*math.Log10(x))
}
