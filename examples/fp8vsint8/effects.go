package main

import (
	"context"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// effect is what storing one thing in a format does to a model, beside the same
// model with nothing stored so.
type effect struct {
	what, format, scope string
	loss                eval.Loss
	change              eval.Delta // nats a token
	answers             []eval.Result
	needles             eval.Pairing
}

var exact = kvcache.Config{K: quant.F32, V: quant.F32}

var things = []string{"weights", "activations", "keys", "values"}

// storeEach judges the model with nothing stored, and with one thing after the
// other in each format.
func (st *study) storeEach(ctx context.Context, m *winnow.Model, step func()) error {
	if err := st.judge(ctx, m, exact, effect{what: "nothing"}); err != nil {
		return err
	}
	step()
	for i, scope := range formats {
		for _, f := range scope {
			for _, what := range things {
				if err := st.stored(ctx, m, f, effect{what: what, format: f.Name(), scope: scopes[i]}); err != nil {
					return err
				}
				step()
			}
		}
	}
	return nil
}

// stored judges the model with one thing stored in f and all others exact. A
// matrix of keys or values is a block of 64 rows of a head.
func (st *study) stored(ctx context.Context, m *winnow.Model, f quant.Format, e effect) error {
	switch e.what {
	case "weights":
		return st.changed(ctx, m, as(f), nil, e)
	case "activations":
		return st.changed(ctx, m, nil, as(f), e)
	case "keys":
		return st.judge(ctx, m, kvcache.Config{K: f, V: quant.F32}, e)
	}
	return st.judge(ctx, m, kvcache.Config{K: quant.F32, V: f}, e)
}

// together are formats for the weights with formats for their inputs: W8A8, and
// ZeroQuant's groups of weights with tokens of activations.
var together = []struct{ weights, inputs quant.Format }{
	{quant.Int8, quant.Int8}, {quant.FP8E4M3, quant.FP8E4M3}, {quant.Int8Group, quant.Int8Group},
	{quant.Int4Group64, quant.Int8}, {quant.Int4, quant.Int8}, {quant.Int4, quant.FP8E4M3},
}

func (st *study) storeBoth(ctx context.Context, m *winnow.Model, step func()) error {
	for _, f := range together {
		step()
		if !st.divides(m, f.weights) {
			continue
		}
		e := effect{what: "weights and activations", format: f.weights.Name() + ", " + f.inputs.Name()}
		if err := st.changed(ctx, m, as(f.weights), as(f.inputs), e); err != nil {
			return err
		}
	}
	return nil
}

// divides tells whether the rows of all weights hold whole blocks of f.
func (st *study) divides(m *winnow.Model, f quant.Format) bool {
	for _, cols := range st.inputs(m) {
		if cols%f.Block() != 0 {
			return false
		}
	}
	return true
}

// changed judges the model with its layers' weights and their inputs changed,
// each if not nil.
func (st *study) changed(ctx context.Context, m *winnow.Model, change, input func(x []float32, rows, cols int), e effect) error {
	var observe func(string, []float32)
	if input != nil {
		cols := st.inputs(m)
		observe = func(weight string, x []float32) {
			if n := cols[weight]; n > 0 {
				input(x, len(x)/n, n)
			}
		}
	}
	m, err := st.open(change, observe)
	if err != nil {
		return err
	}
	defer m.Close()
	return st.judge(ctx, m, exact, e)
}

// judge takes the loss on the texts and asks for the needles.
func (st *study) judge(ctx context.Context, m *winnow.Model, cfg kvcache.Config, e effect) error {
	setup := eval.Setup{Model: m, Cache: func(int) kvcache.Config { return cfg }}
	for _, t := range st.texts {
		loss, err := t.loss(ctx, setup, func(int) eval.Reading { return eval.Reading{Prompt: 1, Whole: true} })
		if err != nil {
			return err
		}
		e.loss.Nats = append(e.loss.Nats, loss.Nats...)
	}
	for r, err := range eval.Run(ctx, setup, st.samples, eval.Later) {
		if err != nil {
			return err
		}
		e.answers = append(e.answers, r)
	}
	st.effects = append(st.effects, e)
	base, last := st.effects[0], &st.effects[len(st.effects)-1]
	var err error
	if last.change, err = e.loss.Against(base.loss); err != nil {
		return err
	}
	last.needles, err = eval.Pair(base.answers, e.answers)
	return err
}

// loss reads the windows of a text, each in a session of its own.
func (t text) loss(ctx context.Context, setup eval.Setup, reading func(tokens int) eval.Reading) (eval.Loss, error) {
	var all eval.Loss
	for _, ids := range t.windows {
		r := reading(len(ids))
		s, err := setup.Model.NewSession(setup.Cache(r.Prompt))
		if err != nil {
			return all, err
		}
		l, err := eval.TextLoss(ctx, s, ids, r)
		if err != nil {
			return all, err
		}
		all.Nats = append(all.Nats, l.Nats...)
	}
	return all, nil
}
