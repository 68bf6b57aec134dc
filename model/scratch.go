package model

import (
	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// TileRows is how many rows of the residual stream go through a layer
// together. It bounds the scratch memory and is enough to spread the cost of
// unpacking a weight.
const TileRows = 512

// Scratch is the working memory of forward passes. The zero value is ready; it
// grows as needed and belongs to one goroutine at a time.
type Scratch struct {
	// Progress, if not nil, is called after each tile of a layer with the
	// share of the pass that is done.
	Progress func(done, total int)

	// Observe, if not nil, is called with each input of a weight before it is
	// multiplied, a tile of rows at a time: the weight's name, such as
	// "blk.0.attn_q.weight", and x [n][cols], which it may change but not keep.
	// Weights that share an input are named by their first: attn_q stands for
	// q, k and v, ffn_gate for gate and up.
	Observe func(weight string, x []float32)

	m        *Llama
	rows     int       // of the residual stream: the tokens of all sequences
	x        []float32 // [rows][HiddenSize] the residual stream
	ids, pos []int32   // [rows]
	cos, sin []float32 // [rows][RopeDim/2]
	spans    []seqRows

	// The tile: rows lo..hi.
	lo, hi  int
	in      quant.Input // normalized rows
	normed  []float32   // [n][HiddenSize]
	q, k, v []float32   // [n][NumHeads or NumKVHeads][HeadDim]
	att     quant.Input // [n][NumHeads·HeadDim] attention's output
	mixed   []float32   // its memory
	gate    []float32   // [n][IntermediateSize], then the activations
	up      []float32   // the same, of few rows
	hidden  quant.Input // of gate
	delta   []float32   // [n][HiddenSize] what is added to x

	low           []float32 // [ranks][n] low-rank products
	final, logits []float32
	tasks         tasks
}

// seqRows says which rows of the residual stream belong to a sequence.
type seqRows struct {
	kv  KV
	row int // the first
	n   int
}

// embed fills x, and the angles of its rows.
func (s *Scratch) embed(seqs []Seq) {
	t, d := &s.tasks.embed, s.m.config.HiddenSize
	t.s = s
	s.run(s.rows, t)
	row := 0
	for i := range seqs {
		given := seqs[i].Embed
		for _, id := range seqs[i].Tokens {
			if id < 0 {
				copy(s.x[row*d:][:d], given)
				given = given[d:]
			}
			row++
		}
	}
}

// begin lays out the rows of all sequences and embeds their tokens.
func (s *Scratch) begin(m *Llama, seqs []Seq) {
	s.m, s.rows, s.spans, s.ids, s.pos = m, 0, s.spans[:0], s.ids[:0], s.pos[:0]
	for i := range seqs {
		q := &seqs[i]
		s.spans = append(s.spans, seqRows{q.KV, s.rows, len(q.Tokens)})
		s.ids, s.pos = append(s.ids, q.Tokens...), append(s.pos, q.Pos...)
		s.rows += len(q.Tokens)
	}
	c := &m.config
	d, half := c.HiddenSize, m.rope.Dim()/2
	s.x = vec.Resize(s.x, s.rows*d)
	s.cos, s.sin = vec.Resize(s.cos, s.rows*half), vec.Resize(s.sin, s.rows*half)
	s.embed(seqs)
	n := min(s.rows, TileRows)
	s.normed, s.delta = vec.Resize(s.normed, n*d), vec.Resize(s.delta, n*d)
	s.q, s.mixed = vec.Resize(s.q, n*c.NumHeads*c.HeadDim), vec.Resize(s.mixed, n*c.NumHeads*c.HeadDim)
	s.k, s.v = vec.Resize(s.k, n*c.NumKVHeads*c.HeadDim), vec.Resize(s.v, n*c.NumKVHeads*c.HeadDim)
	s.gate = vec.Resize(s.gate, n*c.IntermediateSize)
	s.tasks.work = vec.Resize(s.tasks.work, m.pool.Threads())
	s.tasks.gated.work = vec.Resize(s.tasks.gated.work, m.pool.Threads())
}

// Stream returns the residual stream between two layers of a pass, a row for
// each token of each sequence, [rows][HiddenSize]. It is valid until the next
// pass begins, and may be written to.
func (s *Scratch) Stream() []float32 { return s.x[:s.rows*s.m.config.HiddenSize] }

// tile makes rows lo..hi the tile.
func (s *Scratch) tile(lo, hi int) {
	s.lo, s.hi = lo, hi
	n, c := hi-lo, &s.m.config
	s.in.Set(s.normed, n, c.HiddenSize)
	s.att.Set(s.mixed, n, c.NumHeads*c.HeadDim)
	s.hidden.Set(s.gate, n, c.IntermediateSize)
}

// reserve makes room for an input's codes if a product with one of the weights
// reads them.
func reserve(in *quant.Input, weights ...linear) bool {
	for _, w := range weights {
		if quant.Integer(w.Format, w.Cols) {
			in.Reserve()
			return true
		}
	}
	return false
}

// normalize writes RMSNorm(x)·w to s.in, ready to multiply the given weights.
// If delta is not nil, it is added to x first.
func (s *Scratch) normalize(delta, w []float32, weights ...linear) {
	t := &s.tasks.norm
	t.s, t.in, t.delta, t.w, t.codes = s, &s.in, delta, w, reserve(&s.in, weights...)
	s.run(s.in.N, t)
}

// encode makes in's codes if the weights multiply them.
func (s *Scratch) encode(in *quant.Input, weights ...linear) {
	if reserve(in, weights...) {
		t := &s.tasks.encode
		t.in = in
		s.run(in.N, t)
	}
}

// activate turns gate into silu(gate)·up, ready to multiply w.
func (s *Scratch) activate(w linear) {
	t := &s.tasks.silu
	t.s, t.codes = s, reserve(&s.hidden, w)
	s.run(s.hidden.N, t)
}

// position adds the biases, normalizes queries and keys where the architecture
// does, and rotates them.
func (s *Scratch) position(l *layer) {
	t := &s.tasks.position
	t.s, t.l = s, l
	s.run(s.hi-s.lo, t)
}

// add adds delta to the tile's rows of x.
func (s *Scratch) add() {
	t := &s.tasks.add
	t.s = s
	s.run(s.hi-s.lo, t)
}

// ScratchBytes returns about what a Scratch takes for a prompt of n tokens on
// this many threads.
func (c Config) ScratchBytes(n, threads int) int64 {
	tile := int64(min(n, TileRows))
	qd, kd := int64(c.NumHeads*c.HeadDim), int64(c.NumKVHeads*c.HeadDim)
	stream := int64(n) * int64(c.HiddenSize+c.RopeDim+1)
	rows := tile * (2*int64(c.HiddenSize) + 2*qd + 2*kd + 2*int64(c.IntermediateSize))
	codes := tile * (int64(c.HiddenSize) + qd + int64(c.IntermediateSize)) // 8-bit codes, their 16-bit copies and scales
	work := int64(threads) * attention.QueryRows * int64(4*c.HeadDim+attention.BlockRows)
	if threads > 1 { // what they merge
		work += int64(attention.Ranges(n)) * int64(c.NumHeads*c.HeadDim)
	}
	return 4 * (stream + rows + codes + work + int64(c.VocabSize))
}
