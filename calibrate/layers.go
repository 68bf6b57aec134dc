package calibrate

import (
	"bytes"
	"context"
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// inputs lists the weights of a layer that share an input, by whose first name
// model.Scratch.Observe calls it.
var inputs = [][]string{{"attn_q", "attn_k", "attn_v"}, {"attn_output"}, {"ffn_gate", "ffn_up"}, {"ffn_down"}}

func tensorName(i int, weight string) string { return fmt.Sprintf("blk.%d.%s.weight", i, weight) }

// layers reads the texts layer by layer, and quantizes each layer before the
// next is read.
func (q *quantizer) layers(ctx context.Context) error {
	exact, err := q.open(q.src)
	if err != nil {
		return err
	}
	s := new(model.Scratch)
	if err := exact.Embed(q.sequences(exact.Config()), s); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	first, err := q.resume(s.Stream())
	if err != nil {
		return err
	}
	before := make([]float32, len(s.Stream()))
	for i := first; i < exact.Config().NumLayers; i++ {
		copy(before, s.Stream())
		if err := q.layer(ctx, i, exact, s); err != nil {
			return err
		}
		copy(s.Stream(), before)
		if err := q.readOn(ctx, i, s); err != nil {
			return err
		}
		if err := q.save(i+1, s.Stream()); err != nil {
			return err
		}
	}
	return nil
}

// layer reads the texts with layer i as it is, and quantizes its weights.
func (q *quantizer) layer(ctx context.Context, i int, exact model.Layered, s *model.Scratch) error {
	moments := map[string]*Moments{}
	s.Observe = func(weight string, x []float32) {
		if moments[weight] == nil {
			moments[weight] = NewMoments(q.cols(weight), q.pool)
		}
		moments[weight].Add(x)
	}
	err := exact.Layer(ctx, i, s)
	s.Observe = nil
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	if q.o.Progress != nil {
		q.o.Progress(Progress{Done: len(q.done), Todo: len(q.formats)})
	}
	for _, names := range inputs {
		for _, weight := range names {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("calibrate: %w", err)
			}
			name := tensorName(i, weight)
			if q.formats[name] == nil {
				continue
			}
			if err := q.weight(name, moments[tensorName(i, names[0])]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q *quantizer) cols(weight string) int {
	t, _ := q.src.Info(weight)
	return t.Shape[1]
}

// readOn takes the stream through layer i as it is stored now.
func (q *quantizer) readOn(ctx context.Context, i int, s *model.Scratch) error {
	var changed []weights.Tensor
	for _, names := range inputs {
		for _, weight := range names {
			if t, ok := q.done[tensorName(i, weight)]; ok {
				changed = append(changed, t)
			}
		}
	}
	for _, t := range q.pairs {
		if prefix := fmt.Sprintf("blk.%d.", i); len(t.Name) > len(prefix) && t.Name[:len(prefix)] == prefix {
			changed = append(changed, t)
		}
	}
	var file bytes.Buffer
	if err := weights.WriteGGUF(&file, nil, changed); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	over, err := weights.OpenReaderAt(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	stored, err := q.open(q.src.With(over))
	if err != nil {
		return err
	}
	if err := stored.Layer(ctx, i, s); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	return nil
}

func (q *quantizer) open(src *weights.Source) (model.Layered, error) {
	m, err := model.Open(src, q.pool)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	l, ok := m.(model.Layered)
	if !ok {
		return nil, fmt.Errorf("calibrate: %w: a model of architecture %s cannot be read layer by layer", model.ErrUnsupported, m.Config().Architecture)
	}
	return l, nil
}

// sequences returns the texts, each with a cache for the layer in hand.
func (q *quantizer) sequences(c model.Config) []model.Seq {
	shape := kvcache.Shape{NumLayers: 1, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim}
	var seqs []model.Seq
	for _, tokens := range q.o.Texts {
		if len(tokens) == 0 {
			continue
		}
		pos := make([]int32, len(tokens))
		for j := range pos {
			pos[j] = int32(j)
		}
		seqs = append(seqs, model.Seq{Tokens: tokens, Pos: pos, KV: &oneLayer{shape: shape, pos: pos}})
	}
	return seqs
}

// oneLayer is the exact cache of the layer that is read, and forgets it when a
// reading begins.
type oneLayer struct {
	shape kvcache.Shape
	pos   []int32
	cache *kvcache.Cache
}

func (l *oneLayer) Update(_, lo int, q, k, v []float32) attention.View {
	if lo == 0 {
		l.cache, _ = kvcache.New(l.shape, kvcache.Config{K: quant.F32, V: quant.F32}) // has no reason to refuse
		l.cache.Begin(kvcache.Step{Pos: l.pos, Prompt: true})
	}
	return l.cache.Update(0, lo, q, k, v)
}

func (l *oneLayer) Done(int) { l.cache.Done(0) }
