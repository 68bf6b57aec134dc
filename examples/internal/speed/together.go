package speed

import (
	"context"
	"fmt"
	"time"

	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
)

// Together measures sequences that decode together, so that each weight is read
// once for all of them: each reads a prompt of warmUp tokens, then Generate[0]
// more, one in a pass. Rates are tokens per second of all sequences.
func (p Plan) Together(ctx context.Context, path string, sequences int, yield func(Result) error) error {
	src, err := weights.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	for _, threads := range p.Threads {
		pool := par.New(threads)
		r := Result{Test: fmt.Sprintf("tg%dx%d", p.Generate[0], sequences), Threads: threads}
		m, err := model.Open(src, pool)
		for range p.Repeats {
			if err == nil {
				err = p.together(ctx, m, sequences, &r)
			}
		}
		pool.Close()
		if err != nil {
			return err
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

func (p Plan) together(ctx context.Context, m model.Model, sequences int, r *Result) error {
	c := m.Config()
	shape := kvcache.Shape{NumLayers: c.NumLayers, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim}
	seqs, caches, s := make([]model.Seq, sequences), make([]*kvcache.Cache, sequences), new(model.Scratch)
	for i := range seqs {
		var err error
		if caches[i], err = kvcache.New(shape, p.Cache); err != nil {
			return err
		}
		seqs[i].KV = caches[i]
	}
	at := int32(0)
	pass := func(tokens int) error {
		for i := range seqs {
			q := &seqs[i]
			q.Tokens, q.Pos = q.Tokens[:0], q.Pos[:0]
			for j := range int32(tokens) {
				q.Tokens = append(q.Tokens, (int32(i)*7919+at+j)%int32(c.VocabSize))
				q.Pos = append(q.Pos, at+j)
			}
			caches[i].Begin(kvcache.Step{Pos: q.Pos, Prompt: at == 0})
		}
		at += int32(tokens)
		return m.Forward(ctx, seqs, s)
	}
	if err := pass(warmUp); err != nil {
		return err
	}
	begin := time.Now()
	for range p.Generate[0] {
		if err := pass(1); err != nil {
			return err
		}
	}
	r.Rates = append(r.Rates, cli.Rate(sequences*p.Generate[0], time.Since(begin)))
	r.CacheBytes, r.CachePeak = 0, 0
	for _, kv := range caches {
		r.CacheBytes += kv.Bytes()
		r.CachePeak += kv.Peak()
	}
	return nil
}
