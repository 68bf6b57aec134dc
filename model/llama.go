package model

import (
	"context"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// Llama is the forward pass of Llama, Mistral, SmolLM, Qwen2 and Qwen3.
type Llama struct {
	config Config
	embed  quant.Matrix // [VocabSize][HiddenSize]
	layers []layer
	norm   []float32 // [HiddenSize]
	output linear    // [VocabSize][HiddenSize]; embed itself where they are tied
	rope   *attention.Rope
	att    attention.Params
	pool   *par.Pool
}

// layer holds one layer's weights; nil slices are absent.
type layer struct {
	attnNorm, ffnNorm   []float32 // [HiddenSize]
	q, k, v, o          linear    // q [NumHeads·HeadDim][HiddenSize], k and v [NumKVHeads·HeadDim][HiddenSize], o [HiddenSize][NumHeads·HeadDim]
	qBias, kBias, vBias []float32 // Qwen2
	qNorm, kNorm        []float32 // [HeadDim], Qwen3
	gate, up, down      linear    // gate and up [IntermediateSize][HiddenSize], down [HiddenSize][IntermediateSize]
}

// Config returns the hyperparameters.
func (m *Llama) Config() Config { return m.config }

// Attention implements Model.
func (m *Llama) Attention(layer int) attention.Weights {
	return attention.Weights{Rope: m.rope, Output: m.layers[layer].o.Matrix}
}

// Run implements Model.
func (m *Llama) Run(n int, do func(i int)) { m.pool.Run(n, loop(do)) }

// loop is a par.Task that is a function.
type loop func(i int)

func (f loop) Do(_, i int) { f(i) }

// Forward implements Model.
func (m *Llama) Forward(ctx context.Context, seqs []Seq, s *Scratch) error {
	if err := m.Embed(seqs, s); err != nil {
		return err
	}
	for i := range m.layers {
		if err := m.Layer(ctx, i, s); err != nil {
			return err
		}
	}
	return m.logits(ctx, seqs, s)
}

// Embed implements Layered.
func (m *Llama) Embed(seqs []Seq, s *Scratch) error {
	for i := range seqs {
		if err := seqs[i].check(m.config.VocabSize, m.config.HiddenSize); err != nil {
			return err
		}
	}
	s.begin(m, seqs)
	return nil
}

// Layer implements Layered.
func (m *Llama) Layer(ctx context.Context, i int, s *Scratch) error {
	s.m = m
	for lo := 0; lo < s.rows; lo += TileRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.tile(lo, min(lo+TileRows, s.rows))
		m.attend(i, s)
		m.feedForward(i, s)
		if s.Progress != nil {
			s.Progress(i*s.rows+s.hi, len(m.layers)*s.rows)
		}
	}
	return nil
}

// attend sets delta to what layer i's attention has to say of x.
func (m *Llama) attend(i int, s *Scratch) {
	l := &m.layers[i]
	s.normalize(nil, l.attnNorm, l.q, l.k, l.v)
	s.multiply(&s.in, product{l.q, s.q}, product{l.k, s.k}, product{l.v, s.v})
	s.position(l)
	s.attention(i)
	s.encode(&s.att, l.o)
	s.multiply(&s.att, product{l.o, s.delta})
}

// feedForward adds delta to x, and what layer i's SwiGLU network makes of the sum.
func (m *Llama) feedForward(i int, s *Scratch) {
	l := &m.layers[i]
	s.normalize(s.delta, l.ffnNorm, l.gate, l.up)
	s.gated(l)
	s.multiply(&s.hidden, product{l.down, s.delta})
	s.add()
}

// logitRows is how many rows of logits are computed together.
const logitRows = 64

func (m *Llama) logits(ctx context.Context, seqs []Seq, s *Scratch) error {
	d, vocab := m.config.HiddenSize, m.config.VocabSize
	type out struct{ dst, x []float32 }
	var batch [logitRows]out
	n := 0
	flush := func() {
		s.final = vec.Resize(s.final, n*d)
		s.logits = vec.Resize(s.logits, n*vocab)
		for j, o := range batch[:n] {
			vec.RMSNorm(s.final[j*d:][:d], o.x, m.norm, m.config.RMSNormEps)
		}
		s.in.Set(s.final, n, d)
		s.encode(&s.in, m.output)
		s.multiply(&s.in, product{m.output, s.logits})
		for j, o := range batch[:n] {
			copy(o.dst, s.logits[j*vocab:][:vocab])
		}
		n = 0
	}
	row := 0
	for i := range seqs {
		q := &seqs[i]
		q.Logits = vec.Resize(q.Logits, q.outputs()*vocab)
		for j := range q.outputs() {
			if err := ctx.Err(); err != nil {
				return err
			}
			batch[n] = out{q.Logits[j*vocab:][:vocab], s.x[(row+q.output(j))*d:][:d]}
			if n++; n == logitRows {
				flush()
			}
		}
		row += len(q.Tokens)
	}
	if n > 0 {
		flush()
	}
	return nil
}
