// Package attention computes scaled dot-product attention over a View: the
// keys and values that a cache chose to show. It knows nothing of caches,
// policies or models.
//
// Keys are never repeated for the query heads of a group, and there is no
// mask: which row a query may see is arithmetic on positions. What a query
// gets does not depend, to the last bit, on the queries it is computed with.
package attention

import (
	"fmt"
	"slices"

	"github.com/winnowlm/winnow/internal/vec"
	"github.com/winnowlm/winnow/quant"
)

// Params are a model's attention constants.
type Params struct {
	NumHeads, NumKVHeads, HeadDim int
	Scale                         float32 // of q·k, usually 1/√HeadDim
	Window                        int32   // a query sees this many positions, its own included; 0: all
	Rope                          *Rope   // for spans that are shifted
}

// Group returns the number of query heads that share a KV head.
func (p Params) Group() int { return p.NumHeads / p.NumKVHeads }

// Weights are what a cache policy may ask of a layer's attention.
type Weights struct {
	Rope   *Rope        // by which queries and keys were turned
	Output quant.Matrix // [HiddenSize][NumHeads·HeadDim] W_o, without low-rank corrections
}

// View is what a layer shows to one step.
type View struct {
	Heads  [][]Span // [NumKVHeads], in ascending position; lengths may differ from head to head
	Scores *Scores  // nil: nobody watches
}

// Span is a run of at most BlockRows cached rows, in ascending position.
// A query at position p sees row j if Pos[j] ≤ p and From ≤ p < Until; the
// bounds let a row that is about to be encoded be shown exactly to its own
// block and encoded to those after.
type Span struct {
	K, V        quant.Matrix
	Pos         []int32 // [rows shown], the position of each
	Pick        []int32 // rows of K and V that are shown, ascending; nil: 0, 1, …
	At          int32   // index of the first row among all that the head shows, as in Scores.Mass
	From, Until int32
	Shift       int32 // keys stand this many positions later than they were rotated for
}

// BlockRows is the most rows a Span may show.
const BlockRows = 64

// Scores receives the attention weights of the queries t ≥ From of a step:
// each adds its weight for a row to Mass[head][row].
type Scores struct {
	From int
	Mass [][]float32 // [NumHeads][rows that the head's KV head shows]
	Most bool        // Mass is the largest weight of a query instead of their sum

	// Among, [NumKVHeads], are other rows than those shown: then the weights
	// are those of a softmax over these, and Mass is of them. nil: the view's.
	Among [][]Span

	norms  []norm      // [queries from From][NumHeads]
	logits [][]float32 // [NumHeads][rows that the head's KV head shows] of a step of one query; else nil
}

// norm is what normalizes one query's weights: weight = exp(logit−max)/sum.
type norm struct{ max, sum float32 }

// Reset prepares s, whose Mass and Among are those of the step, to receive its
// queries from..n-1.
func (s *Scores) Reset(from, n, numHeads int) {
	s.From = from
	s.norms = vec.Resize(s.norms, (n-from)*numHeads)
	if n-from != 1 || n != 1 || s.Among != nil {
		s.logits = nil
		return
	}
	s.logits = vec.Resize(s.logits, numHeads)
	for g, mass := range s.Mass {
		s.logits[g] = slices.Grow(s.logits[g][:0], len(mass))[:len(mass)]
	}
}

// noted returns where attention leaves the logits of KV head h, [Group][rows],
// so that Watch need not compute them again; nil for nowhere.
func (s *Scores) noted(h int, p Params) [][]float32 {
	if s == nil || s.logits == nil {
		return nil
	}
	return s.logits[h*p.Group():][:p.Group()]
}

// Attend writes to dst the attention of the queries q at positions pos over v,
// and fills v.Scores. q and dst are [len(pos)][NumHeads][HeadDim].
func Attend(dst, q []float32, pos []int32, v View, p Params) {
	var w Work
	for h := range v.Heads {
		w.Attend(dst, q, pos, v, p, h, 0, len(pos))
	}
	if v.Scores != nil {
		for h := range v.Heads {
			w.Watch(q, pos, v, p, h)
		}
	}
}

func check(dst, q []float32, pos []int32, v View, p Params) {
	n := len(pos) * p.NumHeads * p.HeadDim
	if len(q) != n || len(dst) != n || len(v.Heads) != p.NumKVHeads {
		panic(fmt.Sprintf("attention: got %d queries, %d outputs, %d KV heads, want %d, %d, %d",
			len(q), len(dst), len(v.Heads), n, n, p.NumKVHeads))
	}
}
