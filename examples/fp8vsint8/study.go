package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/tokenizer"
)

// named is a row of a table of ratios.
type named struct {
	name string
	sqnr sqnr
}

// effect is what storing one thing in a format does to a model. Change is in
// nats a token against the same model with nothing stored so.
type effect struct {
	what, format, scope string
	change              eval.Delta
	perplexity          float64
	needle              eval.Mean
}

type study struct {
	o       options
	texts   [][]int32
	samples []eval.Sample
	base    []eval.Loss
	rows    []named
	effects []effect
	speeds  []speed
}

// speed is what multiplying with cached rows takes, and their size.
type speed struct {
	format    quant.Format
	keys, val time.Duration // of 4096 rows
}

func newStudy(o options) (*study, error) {
	st := &study{o: o}
	m, err := st.open(nil, nil)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if m.Tokenizer() == nil {
		return nil, winnow.ErrNoTokenizer
	}
	for _, path := range o.texts {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		ids := m.Tokenizer().Encode(string(text), tokenizer.EncodeOptions{})
		ids = ids[:min(len(ids), o.tokens)]
		for lo := 0; lo+1 < len(ids); lo += o.window {
			st.texts = append(st.texts, ids[lo:min(lo+o.window, len(ids))])
		}
	}
	if len(st.texts) == 0 {
		return nil, fmt.Errorf("%s: want text of at least 2 tokens", o.texts[0])
	}
	if o.needles > 0 {
		fit := eval.Fit{Tokens: o.length, Seed: 1, N: o.needles, MaxTokens: 24}
		if st.samples, err = fit.Samples(m.Tokenizer(), eval.Needle{Hay: eval.Prose(), Keys: 2, Value: eval.Number(5)}); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// open returns the model with all weights in float32, the layers' replaced by
// what change makes of them, and its inputs shown to observe.
func (st *study) open(change func(x []float32, rows, cols int), observe func(string, []float32)) (*winnow.Model, error) {
	src, err := weights.Open(st.o.model)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if src.Container != "gguf" {
		return nil, fmt.Errorf("%s: want a GGUF file, have %s", st.o.model, src.Container)
	}
	var meta []weights.KV
	for _, key := range slices.Sorted(maps.Keys(src.Meta)) {
		meta = append(meta, weights.KV{Key: key, Value: src.Meta[key]})
	}
	var tensors []weights.Tensor
	for t, err := range src.Tensors() {
		if err != nil {
			return nil, err
		}
		f, err := quant.ByName(t.Type.String())
		if err != nil {
			return nil, fmt.Errorf("%s: tensor %q: %w", st.o.model, t.Name, err)
		}
		cols := t.Shape[len(t.Shape)-1]
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		x := make([]float32, n)
		quant.Matrix{Format: f, Rows: n / cols, Cols: cols, Data: t.Data}.Decode(x, 0, n/cols)
		if change != nil && len(t.Shape) == 2 && strings.HasPrefix(t.Name, "blk.") {
			change(x, n/cols, cols)
		}
		tensors = append(tensors, weights.Tensor{Name: t.Name, Type: weights.F32, Shape: t.Shape, Data: quant.Pack(quant.F32, x, n/cols, cols).Data})
	}
	var file bytes.Buffer
	if err := weights.WriteGGUF(&file, meta, tensors); err != nil {
		return nil, err
	}
	return winnow.LoadReaderAt(bytes.NewReader(file.Bytes()), int64(file.Len()), winnow.Options{Threads: st.o.threads, Observe: observe})
}

// as returns what is left of x after it was stored in f.
func as(f quant.Format) func(x []float32, rows, cols int) {
	return func(x []float32, rows, cols int) { quant.Pack(f, x, rows, cols).Decode(x, 0, rows) }
}

func (st *study) run(ctx context.Context, progress func(done, total int)) error {
	total, done := 2+12*len(formats)*len(formats[0])/3, 0
	step := func() { done++; progress(done, total) }
	if err := st.real(ctx); err != nil {
		return err
	}
	step()
	exact := kvcache.Config{K: quant.F32, V: quant.F32}
	m, err := st.open(nil, nil)
	if err != nil {
		return err
	}
	defer m.Close()
	base, err := st.effect(ctx, m, exact)
	if err != nil {
		return err
	}
	base.what = "nothing"
	st.effects = append(st.effects, base)
	step()
	for i, scope := range formats {
		for _, f := range scope {
			for _, what := range []string{"weights", "activations", "keys", "values"} {
				e, err := st.stored(ctx, m, what, f)
				if err != nil {
					return err
				}
				e.what, e.format, e.scope = what, f.Name(), scopes[i]
				st.effects = append(st.effects, e)
				step()
			}
		}
	}
	st.time(m.Config().HeadDim)
	return nil
}

// stored judges the model with one thing stored in f and all others exact. A
// matrix of keys or values is a block of 64 rows of a head.
func (st *study) stored(ctx context.Context, m *winnow.Model, what string, f quant.Format) (effect, error) {
	cfg := kvcache.Config{K: quant.F32, V: quant.F32}
	var err error
	switch what {
	case "weights":
		if m, err = st.open(as(f), nil); err != nil {
			return effect{}, err
		}
		defer m.Close()
	case "activations":
		cols := st.inputs(m)
		if m, err = st.open(nil, func(weight string, x []float32) {
			if n := cols[weight]; n > 0 {
				as(f)(x, len(x)/n, n)
			}
		}); err != nil {
			return effect{}, err
		}
		defer m.Close()
	case "keys":
		cfg.K = f
	case "values":
		cfg.V = f
	}
	return st.effect(ctx, m, cfg)
}

// inputs returns the length of the input of each weight of the layers.
func (st *study) inputs(m *winnow.Model) map[string]int {
	c, cols := m.Config(), map[string]int{}
	for i := range c.NumLayers {
		for name, n := range map[string]int{"attn_q": c.HiddenSize, "attn_output": c.NumHeads * c.HeadDim, "ffn_gate": c.HiddenSize, "ffn_down": c.IntermediateSize} {
			cols[fmt.Sprintf("blk.%d.%s.weight", i, name)] = n
		}
	}
	return cols
}

// effect takes the loss on the texts and asks for the needles.
func (st *study) effect(ctx context.Context, m *winnow.Model, cfg kvcache.Config) (effect, error) {
	var loss, base eval.Loss
	for i, ids := range st.texts {
		s, err := m.NewSession(cfg)
		if err != nil {
			return effect{}, err
		}
		l, err := eval.TextLoss(ctx, s, ids, eval.Reading{Prompt: 1, Whole: true})
		if err != nil {
			return effect{}, err
		}
		loss.Nats = append(loss.Nats, l.Nats...)
		if len(st.base) < len(st.texts) {
			st.base = append(st.base, l)
		}
		base.Nats = append(base.Nats, st.base[i].Nats...)
	}
	e := effect{perplexity: loss.Perplexity()}
	var err error
	if e.change, err = loss.Against(base); err != nil {
		return e, err
	}
	var answers []eval.Result
	for r, err := range eval.Run(ctx, eval.Setup{Model: m, Cache: func(int) kvcache.Config { return cfg }}, st.samples, eval.After) {
		if err != nil {
			return e, err
		}
		answers = append(answers, r)
	}
	e.needle = eval.Summarize(answers)
	return e, nil
}

// real takes the ratios of the model's own weights, activations and rows.
func (st *study) real(ctx context.Context) error {
	for _, d := range distributions {
		st.rows = append(st.rows, named{d.name, d.sampled()})
	}
	var w, k, v sqnr
	acts := map[string]*sqnr{}
	var cols map[string]int
	m, err := st.open(func(x []float32, rows, cols int) { w.add(x, rows, cols) }, func(weight string, x []float32) {
		if n := cols[weight]; n > 0 {
			site := weight[strings.LastIndex(strings.TrimSuffix(weight, ".weight"), ".")+1:]
			if acts[site] == nil {
				acts[site] = new(sqnr)
			}
			acts[site].add(x, len(x)/n, n)
		}
	})
	if err != nil {
		return err
	}
	defer m.Close()
	cols = st.inputs(m)
	s, err := m.NewSession(kvcache.Config{K: quant.F32, V: quant.F32})
	if err != nil {
		return err
	}
	if err := s.Append(ctx, st.texts[0], winnow.AppendOptions{}); err != nil {
		return err
	}
	c := m.Config()
	for i := range c.NumLayers {
		for h := range s.Cache().Layer(i).Heads {
			head := &s.Cache().Layer(i).Heads[h]
			n := head.Len() / kvcache.BlockRows * kvcache.BlockRows
			key, value := make([]float32, n*c.HeadDim), make([]float32, n*c.HeadDim)
			head.Rows(key, value, 0, n)
			for lo := 0; lo < n; lo += kvcache.BlockRows {
				at, end := lo*c.HeadDim, (lo+kvcache.BlockRows)*c.HeadDim
				k.add(key[at:end], kvcache.BlockRows, c.HeadDim)
				v.add(value[at:end], kvcache.BlockRows, c.HeadDim)
			}
		}
	}
	st.rows = append(st.rows, named{"weights of the layers", w})
	for _, site := range slices.Sorted(maps.Keys(acts)) {
		st.rows = append(st.rows, named{"input of " + strings.TrimSuffix(site, ".weight"), *acts[site]})
	}
	st.rows = append(st.rows, named{"keys, rotated", k}, named{"values", v})
	return nil
}

// time multiplies a query with 4096 cached rows, the best of some tries.
func (st *study) time(dim int) {
	const rows = 4096
	x, p := make([]float32, rows*dim), make([]float32, rows)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	for _, f := range []quant.Format{quant.F16, quant.Int8, quant.Int8Group, quant.FP8E4M3, quant.FP8E4M3Group, quant.FP8E5M2} {
		m := quant.Pack(f, x, rows, dim)
		var in quant.Input
		in.Set(x[:dim], 1, dim)
		best := speed{f, time.Hour, time.Hour}
		for range 20 {
			begin := time.Now()
			m.MulT(p, rows, &in, 0, rows)
			best.keys = min(best.keys, time.Since(begin))
			begin = time.Now()
			m.MulAdd(make([]float32, dim), p, rows, 1, 0, rows)
			best.val = min(best.val, time.Since(begin))
		}
		st.speeds = append(st.speeds, best)
	}
}
