// Package model runs decoder-only transformers over weights that package
// weights has opened. One forward pass, in llama.go, serves the architectures
// that differ by numbers: llama, mistral, qwen2, qwen3.
package model

import (
	"context"
	"fmt"

	"github.com/winnowlm/winnow/attention"
)

// KV is what a layer needs of a cache. Sequences that go through a pass together
// have caches of their own, which several goroutines call at the same time.
type KV interface {
	// Update stores the keys and values, [n][NumKVHeads][HeadDim] both, of the
	// sequence's tokens from lo on, whose rotated queries are q,
	// [n][NumHeads][HeadDim], and says what to look at.
	Update(layer, lo int, q, k, v []float32) attention.View
	// Done reports that attention over the view is finished.
	Done(layer int)
}

// Seq is the part of one sequence that a forward pass reads.
type Seq struct {
	Tokens []int32 // ids; a negative one stands for the next row of Embed
	Pos    []int32 // [len(Tokens)] positions, ascending
	KV     KV
	Out    []int32 // indexes into Tokens whose logits are wanted, ascending; nil: the last alone

	// Embed, [negative tokens][HiddenSize], goes in where tokens are not of the
	// vocabulary, such as what an encoder makes of an image's patches.
	Embed []float32

	// Logits is filled by Forward, [len(Out), or 1][VocabSize]. Its memory is
	// reused if it is large enough.
	Logits []float32
}

// Model is a transformer. Its weights never change: any number of goroutines
// may run it, each with its own Scratch.
type Model interface {
	Config() Config
	// Attention returns what cache policies may ask of a layer. It must not be
	// changed.
	Attention(layer int) attention.Weights
	// Run calls do for each i in [0, n), on the goroutines that Forward uses.
	Run(n int, do func(i int))
	// Forward runs the sequences together: each weight is read once for all. It
	// goes layer by layer, and checks ctx between tiles of a layer. After an
	// error the caches hold part of the step and must be rolled back.
	Forward(ctx context.Context, seqs []Seq, s *Scratch) error
}

// Layered is a Model whose forward pass can be taken a layer at a time, as
// calibration does, which changes a layer's weights between two passes. Embed
// begins it: it fills s.Stream with the embedded tokens. Layer then adds what
// layer i makes of the stream; it may be called on a model with other weights
// of the same Config. Forward is Embed, every Layer, and the logits.
type Layered interface {
	Model
	Embed(seqs []Seq, s *Scratch) error
	Layer(ctx context.Context, i int, s *Scratch) error
}

// outputs returns the number of rows of logits that q wants.
func (q *Seq) outputs() int {
	if q.Out == nil {
		return 1
	}
	return len(q.Out)
}

// output returns the token index of row j of the logits.
func (q *Seq) output(j int) int {
	if q.Out == nil {
		return len(q.Tokens) - 1
	}
	return int(q.Out[j])
}

func (q *Seq) check(vocab, hidden int) error {
	if len(q.Tokens) == 0 || len(q.Pos) != len(q.Tokens) || q.KV == nil {
		panic(fmt.Sprintf("model: Forward: got %d tokens, %d positions, cache %v, want one or more, as many, and a cache", len(q.Tokens), len(q.Pos), q.KV))
	}
	for _, t := range q.Out {
		if t < 0 || int(t) >= len(q.Tokens) {
			panic(fmt.Sprintf("model: Forward: got output %d, want one of %d tokens", t, len(q.Tokens)))
		}
	}
	embedded := 0
	for j, id := range q.Tokens {
		if int(id) >= vocab {
			return fmt.Errorf("model: token %d has id %d, want 0 to %d, or a negative one for an embedding", j, id, vocab-1)
		}
		if id < 0 {
			embedded++
		}
	}
	if len(q.Embed) != embedded*hidden {
		return fmt.Errorf("model: %d tokens have a negative id, got %d values for their embeddings, want %d of %d each", embedded, len(q.Embed), embedded, hidden)
	}
	return nil
}
