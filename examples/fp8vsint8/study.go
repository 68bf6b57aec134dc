package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/tokenizer"
)

type study struct {
	o       options
	texts   []text
	samples []eval.Sample
	rows    []named
	effects []effect // the first with nothing stored
	caches  []cached
	speeds  []speed
}

// text is a file, cut into what is read together.
type text struct {
	name    string
	windows [][]int32
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
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		t := text{name: filepath.Base(path)}
		ids := m.Tokenizer().Encode(string(data), tokenizer.EncodeOptions{})
		for part := range slices.Chunk(ids[:min(len(ids), o.tokens)], o.window) {
			if len(part) > 1 {
				t.windows = append(t.windows, part)
			}
		}
		if len(t.windows) == 0 {
			return nil, fmt.Errorf("%s: want text of at least 2 tokens", path)
		}
		st.texts = append(st.texts, t)
	}
	if o.needles > 0 {
		if st.samples, err = questions(m.Tokenizer(), o.needles, o.length); err != nil {
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
	total, done := 2+4*len(formats)*len(formats[0])+len(together)+len(kept)*len(pairs), 0
	step := func() { done++; progress(done, total) }
	if err := st.real(ctx); err != nil {
		return err
	}
	step()
	m, err := st.open(nil, nil)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := st.storeEach(ctx, m, step); err != nil {
		return err
	}
	if err := st.storeBoth(ctx, m, step); err != nil {
		return err
	}
	if err := st.evict(ctx, m, step); err != nil {
		return err
	}
	st.time(m.Config().HeadDim)
	return nil
}
