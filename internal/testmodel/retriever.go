package testmodel

import (
	"bytes"
	"math"
	"math/rand/v2"

	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// The retriever is a model whose weights are written down, not trained: a
// two-layer transformer that finds where the last two tokens stood before and
// says what followed them there, at any distance. What it answers is provable,
// so that a wrong answer under a cache policy is the policy's doing.
//
// The residual stream holds four codes, a constant and padding. A token's code
// is a random ±1/8 vector, so that different tokens are nearly orthogonal.
//
//	E    the token          (the embedding)
//	P1   the token before   (layer 1, query heads that attend one position back)
//	P2   the one before it  (layer 1, two positions back)
//	O    the answer         (layer 2)
//
// Layer 1 attends by position alone: the constant gives every query and key the
// same vector, which RoPE turns, and queries are turned back by their offset.
// Layer 2 attends by content alone, in channels that do not turn: the query is
// (E, P1), the key (P1, P2), the value E. (Induction heads: Olsson et al. 2022.)
const (
	codeDim  = 64
	atE      = 0
	atP1     = 1 * codeDim
	atP2     = 2 * codeDim
	atO      = 3 * codeDim
	atOne    = 4 * codeDim // the constant
	hidden   = 4*codeDim + 32
	rotated  = 32 // channels of a head that turn
	matching = 2 * codeDim
	headDim  = rotated + matching
	heads    = 4 // each KV head serves two; the KV heads do the same, half each
	kvHeads  = 2

	positionLogit = 45  // of each turning pair that is in phase
	matchLogit    = 60  // of each code that matches
	answer        = 3.0 // length of O
	sharpness     = 2.0 // of the output
)

// Retriever returns the retriever's file, with weights stored as f.
func Retriever(f quant.Format) ([]byte, error) {
	typ, err := parseType(f.Name())
	if err != nil {
		return nil, err
	}
	words := Words()
	c := model.Config{
		Architecture: "llama", HiddenSize: hidden, IntermediateSize: 32, NumLayers: 2, NumHeads: heads, NumKVHeads: kvHeads,
		HeadDim: headDim, RopeDim: rotated, VocabSize: minVocab + len(words), MaxPositions: 1 << 20, RMSNormEps: 1e-6, RopeTheta: 10000,
	}
	b := &builder{rng: rand.New(rand.NewPCG(0, 0)), f: f, typ: typ}
	codes := tokenCodes(c.VocabSize)
	embed, output := newDense(c.VocabSize, hidden), newDense(c.VocabSize, hidden)
	for id := range c.VocabSize {
		for d, v := range codes[id] {
			embed.set(id, atE+d, v)
			output.set(id, atO+d, sharpness*v)
		}
		embed.set(id, atOne, 1)
	}
	b.dense("token_embd.weight", embed)
	b.dense("output.weight", output)
	b.ones("output_norm.weight", hidden)
	b.previousTokens()
	b.match()
	for _, p := range []string{"blk.0.", "blk.1."} {
		b.ones(p+"attn_norm.weight", hidden)
		b.ones(p+"ffn_norm.weight", hidden)
		b.dense(p+"ffn_gate.weight", newDense(c.IntermediateSize, hidden))
		b.dense(p+"ffn_up.weight", newDense(c.IntermediateSize, hidden))
		b.dense(p+"ffn_down.weight", newDense(hidden, c.IntermediateSize))
	}
	var file bytes.Buffer
	err = weights.WriteGGUF(&file, append(metadata(c), wordVocabulary(words)...), b.tensors)
	return file.Bytes(), err
}

// previousTokens is layer 1. After the norm each code and the constant have the
// length √(hidden/2), since the stream holds two of length 1.
func (b *builder) previousTokens() {
	unit := math.Sqrt(hidden / 2.0)
	q, k := newDense(heads*headDim, hidden), newDense(kvHeads*headDim, hidden)
	v, o := newDense(kvHeads*headDim, hidden), newDense(hidden, heads*headDim)
	length := math.Sqrt(positionLogit * math.Sqrt(headDim))
	for h := range heads {
		back := h%2 + 1 // positions
		for i := range rotated / 2 {
			angle := -float64(back) * math.Pow(10000, -float64(2*i)/rotated)
			q.set(h*headDim+2*i, atOne, length*math.Cos(angle)/unit)
			q.set(h*headDim+2*i+1, atOne, length*math.Sin(angle)/unit)
		}
		for d := range codeDim {
			to := atP1
			if back == 2 {
				to = atP2
			}
			o.set(to+d, h*headDim+d, 1.0/kvHeads)
		}
	}
	for h := range kvHeads {
		for i := range rotated / 2 {
			k.set(h*headDim+2*i, atOne, length/unit)
		}
		for d := range codeDim {
			v.set(h*headDim+d, atE+d, 1/unit)
		}
	}
	b.attention("blk.0.", q, k, v, o)
}

// match is layer 2. The stream now holds four codes of length 1.
func (b *builder) match() {
	unit := math.Sqrt(hidden / 4.0)
	q, k := newDense(heads*headDim, hidden), newDense(kvHeads*headDim, hidden)
	v, o := newDense(kvHeads*headDim, hidden), newDense(hidden, heads*headDim)
	length := math.Sqrt(matchLogit*math.Sqrt(headDim)) / unit
	for d := range codeDim {
		for h := range heads {
			q.set(h*headDim+rotated+d, atE+d, length)
			q.set(h*headDim+rotated+codeDim+d, atP1+d, length)
			o.set(atO+d, h*headDim+d, answer/heads)
		}
		for h := range kvHeads {
			k.set(h*headDim+rotated+d, atP1+d, length)
			k.set(h*headDim+rotated+codeDim+d, atP2+d, length)
			v.set(h*headDim+d, atE+d, 1/unit)
		}
	}
	b.attention("blk.1.", q, k, v, o)
}

func (b *builder) attention(prefix string, q, k, v, o dense) {
	b.dense(prefix+"attn_q.weight", q)
	b.dense(prefix+"attn_k.weight", k)
	b.dense(prefix+"attn_v.weight", v)
	b.dense(prefix+"attn_output.weight", o)
}

// tokenCodes returns n random vectors of ±1/8.
func tokenCodes(n int) [][]float64 {
	rng := rand.New(rand.NewPCG(64, 64))
	codes := make([][]float64, n)
	for id := range codes {
		codes[id] = make([]float64, codeDim)
		for d := range codes[id] {
			codes[id][d] = float64(2*rng.IntN(2)-1) / 8
		}
	}
	return codes
}

// dense is a matrix [rows][cols] that is being written down.
type dense struct {
	rows, cols int
	x          []float32
}

func newDense(rows, cols int) dense { return dense{rows, cols, make([]float32, rows*cols)} }

func (m dense) set(row, col int, v float64) { m.x[row*m.cols+col] = float32(v) }

func (b *builder) dense(name string, m dense) {
	b.tensors = append(b.tensors, weights.Tensor{Name: name, Type: b.typ, Shape: []int{m.rows, m.cols}, Data: quant.Pack(b.f, m.x, m.rows, m.cols).Data})
}

func (b *builder) ones(name string, n int) { b.vector(name, n, 1, 0) }
