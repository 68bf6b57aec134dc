package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// perplexity is that of one text, or of all together. Changes are those of the
// loss of a token in nats, the mean over the same tokens with its 95 % interval.
type perplexity struct {
	Text       string      `json:"text"`
	Tokens     int         `json:"tokens"`
	Before     float64     `json:"before"`
	After      float64     `json:"after"`
	Change     eval.Delta  `json:"change"`
	Divergence float64     `json:"divergence"`        // of the predictions from those before, nats a token
	Against    *eval.Delta `json:"against,omitempty"` // change from the loss of -against
}

// judged are the models whose losses are compared: the one that was read, the
// one that was written, and that of -against.
type judged struct{ before, after, against *winnow.Model }

func (o options) judged() (j judged, err error) {
	adapter := ""
	if o.rank > 0 {
		adapter = o.lorcOut
	}
	if j.before, err = o.load(o.model, ""); err != nil {
		return j, err
	}
	if j.after, err = o.load(o.out, adapter); err != nil {
		return j, errors.Join(err, j.close())
	}
	if o.against != "" {
		if j.against, err = o.load(o.against, ""); err != nil {
			return j, errors.Join(err, j.close())
		}
	}
	return j, nil
}

func (o options) load(path, adapter string) (*winnow.Model, error) {
	m, err := winnow.Load(path, winnow.Options{Threads: o.threads, Adapter: adapter})
	if err == nil && m.Tokenizer() == nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, winnow.ErrNoTokenizer), m.Close())
	}
	return m, err
}

func (j judged) close() (err error) {
	for _, m := range []*winnow.Model{j.before, j.after, j.against} {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
	}
	return err
}

// perplexities judges the model that was written, beside the one that was read.
func (o options) perplexities(ctx context.Context, stderr io.Writer) (all []perplexity, err error) {
	if len(o.test) == 0 {
		return nil, nil
	}
	models, err := o.judged()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, models.close()) }()
	p := cli.NewProgress(stderr, "reading the texts")
	defer p.End()
	var together distances
	for i, path := range o.test {
		windows, err := cut(models.before.Tokenizer(), path, o.testTokens, o.window)
		if err != nil {
			return nil, err
		}
		var text distances
		for k, ids := range windows {
			if len(ids) < 2 {
				continue // nothing to predict
			}
			if err := text.read(ctx, models, ids); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			p.Show(i*len(windows)+k, len(o.test)*len(windows))
		}
		if len(text.KL) == 0 {
			return nil, fmt.Errorf("%s: want text of at least 2 tokens", path)
		}
		all = append(all, text.perplexity(path))
		together.add(text.Distance, text.against)
	}
	if len(all) > 1 {
		all = append(all, together.perplexity("all"))
	}
	return all, nil
}

// distances are those of the texts so far, with the loss of -against.
type distances struct {
	eval.Distance
	against eval.Loss
}

// read takes the loss of a window with the exact cache.
func (d *distances) read(ctx context.Context, j judged, ids []int32) error {
	var sessions [3]*winnow.Session
	for i, m := range []*winnow.Model{j.before, j.after, j.against} {
		if m == nil {
			continue
		}
		var err error
		if sessions[i], err = m.NewSession(kvcache.Config{K: quant.F32, V: quant.F32}); err != nil {
			return err
		}
	}
	whole := eval.Reading{Prompt: 1, Whole: true}
	distance, err := eval.Divergence(ctx, sessions[0], sessions[1], ids, whole)
	if err != nil {
		return err
	}
	var against eval.Loss
	if j.against != nil {
		if against, err = eval.TextLoss(ctx, sessions[2], ids, whole); err != nil {
			return err
		}
	}
	d.add(distance, against)
	return nil
}

func (d *distances) add(x eval.Distance, against eval.Loss) {
	d.KL = append(d.KL, x.KL...)
	d.Reference.Nats, d.Test.Nats = append(d.Reference.Nats, x.Reference.Nats...), append(d.Test.Nats, x.Test.Nats...)
	d.against.Nats = append(d.against.Nats, against.Nats...)
}

func (d *distances) perplexity(text string) perplexity {
	change, _ := d.Test.Against(d.Reference) // of the same tokens
	p := perplexity{text, len(d.KL), d.Reference.Perplexity(), d.Test.Perplexity(), change, d.Mean(), nil}
	if len(d.against.Nats) > 0 {
		over, _ := d.Test.Against(d.against)
		p.Against = &over
	}
	return p
}

func (p perplexity) print(w io.Writer, against string) {
	fmt.Fprintf(w, "%s: perplexity %.4f, was %.4f, on %d tokens; loss %s; divergence %.5f nats a token", p.Text, p.After, p.Before, p.Tokens, interval(p.Change), p.Divergence)
	if p.Against != nil {
		fmt.Fprintf(w, "; loss %s against %s", interval(*p.Against), against)
	}
	fmt.Fprintln(w)
}

func interval(d eval.Delta) string {
	return fmt.Sprintf("%+.5f (%+.5f to %+.5f)", d.Mean, d.Low, d.High)
}
