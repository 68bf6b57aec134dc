package policy

import (
	"fmt"
	"slices"
	"sort"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// NonCausalAttention compresses at the end of each prompt to the rows that
// draw attention from before and after (Compactor, Chari and Van Durme 2025,
// arXiv 2507.08143, of whose two scores it is one; code NVIDIA kvpress). Tokens
// are cut into chunks of Chunk; within a chunk every query attends to every
// row, with logits that are not divided by √D, as there. What a row gets,
// averaged over the group, times the length of its value, averaged with its two
// neighbours', is its score. What is generated afterwards is kept until the
// next prompt ends.
//
// A chunk's queries are held until it is done, so that no attention is watched
// and nothing is read twice; what its rows got lives in the heads' score
// columns, and rows of earlier prompts keep what they got then. The queries of
// generated tokens are not held: the first chunk of the prompt that follows
// sees, and scores, their rows too. The original fills up the last chunk with
// rows of zeros that, by a slip, vote and are voted for; here a short chunk is
// short. Equal scores: the lower position stays.
type NonCausalAttention struct {
	Budget int // rows that survive, the protected ones included; 0: 1024
	Chunk  int // tokens; 0: 256
	Sink   int // first rows that stay in any case; Compactor has 8
	Recent int // last rows that stay in any case; Compactor has 4
}

const (
	defaultChunkTokens = 256
	nonCausalKernel    = 3
)

func (p NonCausalAttention) filled() NonCausalAttention {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	if p.Chunk == 0 {
		p.Chunk = defaultChunkTokens
	}
	return p
}

// Check refuses sizes that cannot be.
func (p NonCausalAttention) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	switch {
	case p.Budget < 1:
		return fmt.Errorf("policy: NonCausalAttention: got Budget %d, want at least 1", p.Budget)
	case p.Chunk < 1:
		return fmt.Errorf("policy: NonCausalAttention: got Chunk %d, want at least 1", p.Chunk)
	case p.Sink < 0 || p.Recent < 0 || p.Sink > p.Budget || p.Recent > p.Budget-p.Sink:
		return fmt.Errorf("policy: NonCausalAttention: got Sink %d and Recent %d, want none below 0 and at most the budget of %d together", p.Sink, p.Recent, p.Budget)
	}
	return nil
}

// Show shows everything and watches nothing.
func (NonCausalAttention) Show(*kvcache.Layer, kvcache.Step) kvcache.Plan { return kvcache.Plan{} }

// Keep gathers a prompt's queries, and selects once it is whole.
func (p NonCausalAttention) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	score, keep := p.Rank(l, s, seen)
	keepRanked(l, score, keep)
}

// Rank has the tile's queries vote, as far as their chunks are whole, and at
// the end of a prompt returns what the rows before the last Recent ones got.
func (p NonCausalAttention) Rank(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) ([][]float32, []int) {
	if !s.Prompt {
		return nil, nil
	}
	p = p.filled()
	c, ok := l.Memo.(*chunk)
	if !ok {
		c = &chunk{first: s.Pos[0], beside: true}
		l.Memo = c
	}
	c.q = append(c.q, s.Q...)
	// Rows change when they are encoded. By a block's length later they all
	// have been, wherever tiles end.
	next := s.Pos[len(s.Pos)-1] + 1
	for int(next-c.first)-kvcache.BlockRows >= p.Chunk || s.Rest == 0 && c.first < next {
		c.vote(l, min(p.Chunk, int(next-c.first)))
	}
	if s.Rest > 0 {
		return nil, nil
	}
	l.Memo = nil
	score := make([][]float32, len(l.Heads))
	for h := range score {
		hd := &l.Heads[h]
		all := valueLengths(l.Floats(hd.Len()), l, hd)
		for j, got := range hd.Score() {
			all[j] *= got
		}
		score[h] = Average.pool(l.Floats(hd.Len()), all, nonCausalKernel)[:max(0, hd.Len()-p.Recent)]
		protect(score[h], p.Sink)
	}
	return score, same(l, p.Budget-p.Recent)
}

// chunk is the queries of a prompt that have not voted yet.
type chunk struct {
	first  int32     // position of the first
	beside bool      // they are to vote for the rows before them too that nobody has voted for
	q      []float32 // [tokens][NumHeads][D]
}

// Clone implements kvcache.Memo.
func (c *chunk) Clone() kvcache.Memo { return &chunk{c.first, c.beside, slices.Clone(c.q)} }

// vote has the first n queries vote for the rows of the same tokens, and
// forgets them. It writes to the heads' score columns.
func (c *chunk) vote(l *kvcache.Layer, n int) {
	p := attention.Params{NumHeads: len(l.Heads) * l.Group, NumKVHeads: len(l.Heads), HeadDim: l.Heads[0].Dim(), Scale: 1}
	size := n * p.NumHeads * p.HeadDim
	view := attention.View{Heads: make([][]attention.Span, p.NumKVHeads), Scores: &attention.Scores{Mass: make([][]float32, p.NumHeads)}}
	view.Scores.Reset(0, n, p.NumHeads)
	from := make([]int, p.NumKVHeads)
	for h := range l.Heads {
		hd := &l.Heads[h]
		from[h] = slotOf(hd.Pos(), c.first)
		for c.beside && from[h] > 0 && hd.Score()[from[h]-1] == 0 {
			from[h]--
		}
		rows := slotOf(hd.Pos(), c.first+int32(n)) - from[h]
		view.Heads[h] = together(l, hd, from[h], rows)
		for g := range l.Group {
			view.Scores.Mass[h*l.Group+g] = make([]float32, rows)
		}
	}
	attention.Attend(l.Floats(size), c.q[:size], make([]int32, n), view, p)
	for h := range l.Heads {
		mass := view.Scores.Mass[h*l.Group:][:l.Group]
		Mean.combine(l.Heads[h].Score()[from[h]:][:len(mass[0])], mass)
	}
	c.first, c.beside = c.first+int32(n), false
	c.q = append(c.q[:0], c.q[size:]...)
}

// slotOf returns the slot of the first row at position p or later.
func slotOf(pos []int32, p int32) int {
	return sort.Search(len(pos), func(j int) bool { return pos[j] >= p })
}

// together shows a head's n rows from slot lo on as if they all stood at
// position 0, as the queries do, so that all see each other. Their values are of
// no interest.
func together(l *kvcache.Layer, hd *kvcache.Head, lo, n int) []attention.Span {
	var spans []attention.Span
	here := make([]int32, attention.BlockRows)
	k := l.Floats(attention.BlockRows * hd.Dim())
	for at := 0; at < n; at += attention.BlockRows {
		rows := min(attention.BlockRows, n-at)
		hd.Rows(k, nil, lo+at, lo+at+rows)
		m := quant.Pack(quant.F32, k[:rows*hd.Dim()], rows, hd.Dim())
		spans = append(spans, attention.Span{K: m, V: m, Pos: here[:rows], At: int32(at), Until: attention.Forever})
	}
	return spans
}
