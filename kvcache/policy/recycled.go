package policy

import (
	"fmt"
	"math"
	"slices"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// Recycled drops nothing itself, and shows everything only now and then: at the end
// of a prompt and at every Stride-th generated token. The steps between see,
// in each KV head, the TopK rows to which the last query of the last full step
// attended most, and what was generated since; for each new row the one with
// the lowest score leaves (Recycled Attention, Xu et al. 2024, arXiv
// 2411.05787; its later versions are called RefreshKV). It saves reading, not
// memory: of the TopK rows, if they are at most half of a head's, it has a copy
// made, which is freed when another prompt begins. No code was published; this
// follows the paper.
//
// With Threshold, a Stride-th step is full only if the layer's query, averaged
// over its heads, has turned away from that of the last full step: if their
// cosine is at most Threshold. Each layer decides for itself.
//
// A row's score is the largest of its KV head's query heads, pooled by the
// maximum over Kernel neighbours. Equal scores: the lower position stays.
// Generated rows outrank all scored ones; when those are gone, the oldest
// leaves. What is remembered of the last full step is not saved: the first
// step after kvcache.Load or Truncate is full.
//
// Over is a policy that drops rows below: then steps see part of what it left,
// and a chosen row that it drops leaves its place empty. Where it watches the
// end of a prompt, the first step after that is the full one, since only one
// of the two can watch. A policy that watches, hides or renumbers rows at
// generated tokens cannot work below.
type Recycled struct {
	Over      kvcache.Policy // nil: nothing is dropped
	TopK      int            // rows that a step between full ones sees besides its own; 0: 2048
	Stride    int            // 0: 10
	Threshold float64        // below 1; 0: every Stride-th step is full
	Kernel    int            // odd; 0: 7; 1: no pooling, as in the paper's first version
	FirstHead bool           // only the first query head of a KV head votes, as in the paper's first version
}

const (
	defaultTopK          = 2048
	defaultStride        = 10
	defaultRecycleKernel = 7
)

func (p Recycled) filled() Recycled {
	if p.TopK == 0 {
		p.TopK = defaultTopK
	}
	if p.Stride == 0 {
		p.Stride = defaultStride
	}
	if p.Kernel == 0 {
		p.Kernel = defaultRecycleKernel
	}
	return p
}

// Check refuses sizes that cannot be, and what cannot work below.
func (p Recycled) Check(shape kvcache.Shape, cfg kvcache.Config) error {
	p = p.filled()
	switch {
	case p.TopK < 1:
		return fmt.Errorf("policy: Recycled: got TopK %d, want at least 1", p.TopK)
	case p.Stride < 1:
		return fmt.Errorf("policy: Recycled: got Stride %d, want at least 1", p.Stride)
	case !(p.Threshold >= 0 && p.Threshold < 1):
		return fmt.Errorf("policy: Recycled: got Threshold %v, want 0 or a cosine between 0 and 1", p.Threshold)
	case p.Kernel < 1 || p.Kernel%2 == 0:
		return fmt.Errorf("policy: Recycled: got Kernel %d, want an odd number", p.Kernel)
	case p.Over == nil:
		return nil
	}
	if err := check(p.Over, shape, cfg); err != nil {
		return err
	}
	switch over := p.Over.(type) {
	case kvcache.Rehearser:
		return fmt.Errorf("policy: Recycled: got %T below, which wants prompts read again for itself", over)
	case H2O, TOVA:
		return fmt.Errorf("policy: Recycled: got %T below, which must see all rows at each generated token", over)
	case Recycled:
		return fmt.Errorf("policy: Recycled: got another Recycled below")
	case Window:
		if over.Renumber {
			return fmt.Errorf("policy: Recycled: got a renumbered Window below, whose rows have no place when some of them are not shown")
		}
	}
	return nil
}

// Show shows everything in a full step and watches its last query; in others
// it shows the partial cache and the step's own row.
func (p Recycled) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	p = p.filled()
	last := notes(l)
	var plan kvcache.Plan
	if p.Over != nil {
		last.below(l, func() { plan = p.Over.Show(l, s) })
	}
	last.lent = plan.Watch > 0
	if s.Prompt {
		last.forget(l)
	}
	switch {
	case last.lent:
	case !last.known || s.Prompt || len(s.Pos) != 1 || p.due(last, l, s):
		plan.Watch = 1 - s.Rest
	default:
		plan.Pick = last.show(p, l)
	}
	return plan
}

// due reports whether the step that just added its row is a full one.
func (p Recycled) due(last *fullStep, l *kvcache.Layer, s kvcache.Step) bool {
	if int(s.Pos[0]-last.pos)%p.Stride != 0 {
		return false
	}
	// A cosine that is no number, of a query that is all zeros, is a full step.
	return p.Threshold == 0 || !(cosine(last.query, meanQuery(l.Floats(l.Heads[0].Dim()), l, s)) > p.Threshold)
}

// Keep ranks the rows anew after a full step, and asks Over.
func (p Recycled) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	p = p.filled()
	last := notes(l)
	switch {
	case last.lent:
		last.known = false
	case seen != nil:
		last.rank(p, l, s, seen)
		seen = nil
	}
	if p.Over != nil {
		last.below(l, func() { p.Over.Keep(l, s, seen) })
	}
}

// fullStep is what a layer remembers of its last full step. All that comes
// after follows from it and from the rows.
type fullStep struct {
	known  bool      // there was one, and nothing has made it void
	lent   bool      // Over watches this step
	copied bool      // heads have gathered the rows that were chosen
	pos    int32     // its last token's
	query  []float32 // its last token's, as meanQuery; empty without a threshold
	kept   []ranked  // [NumKVHeads]
	over   kvcache.Memo
	picks  [][]int32 // memory of a step's

	// For what the heads do at the same time: what it is about, and the
	// functions, which would be allocated at each step else.
	p                  Recycled
	l                  *kvcache.Layer
	seen               *attention.Scores
	rankHead, copyHead func(h int)
}

// notes returns those of l.
func notes(l *kvcache.Layer) *fullStep {
	f, ok := l.Memo.(*fullStep)
	if !ok {
		f = newFullStep(len(l.Heads))
		l.Memo = f
	}
	return f
}

func newFullStep(heads int) *fullStep {
	f := &fullStep{kept: make([]ranked, heads), picks: make([][]int32, heads)}
	f.rankHead = func(h int) { f.kept[h].choose(f.p, &f.l.Heads[h], group(f.l, f.seen, h)) }
	f.copyHead = func(h int) { f.gather(h) }
	return f
}

// Clone implements kvcache.Memo.
func (f *fullStep) Clone() kvcache.Memo {
	c := newFullStep(len(f.kept))
	c.known, c.lent, c.copied, c.pos, c.query = f.known, f.lent, f.copied, f.pos, slices.Clone(f.query)
	for h := range f.kept {
		c.kept[h] = f.kept[h].clone()
	}
	if f.over != nil {
		c.over = f.over.Clone()
	}
	return c
}

// below asks Over something, with its own memo in place.
func (f *fullStep) below(l *kvcache.Layer, ask func()) {
	l.Memo = f.over
	ask()
	f.over, l.Memo = l.Memo, f
}

// each calls do for each head of l, which it finds in f with the rest.
func (f *fullStep) each(p Recycled, l *kvcache.Layer, seen *attention.Scores, do func(h int)) {
	f.p, f.l, f.seen = p, l, seen
	l.Run(len(l.Heads), do)
	f.l, f.seen = nil, nil
}

// rank remembers the step that was watched.
func (f *fullStep) rank(p Recycled, l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	f.known, f.copied, f.pos = true, false, s.Pos[len(s.Pos)-1]
	if p.Threshold != 0 {
		f.query = append(f.query[:0], meanQuery(l.Floats(l.Heads[0].Dim()), l, s)...)
	}
	f.each(p, l, seen, f.rankHead)
}

// forget frees the copies.
func (f *fullStep) forget(l *kvcache.Layer) {
	if f.copied {
		for h := range l.Heads {
			l.Heads[h].Gather(nil)
		}
		f.copied = false
	}
}

// older returns how many of the head's rows there were at the full step.
func (f *fullStep) older(pos []int32) int {
	return slotOf(pos, f.pos+1)
}

// gather has head h copy the rows that were chosen, if they are at most half of
// what it has: of more the blocks are read almost whole in any case.
func (f *fullStep) gather(h int) {
	hd, kept := &f.l.Heads[h], &f.kept[h]
	pos := hd.Pos()
	if kept.follow(pos[:f.older(pos)]); len(kept.slot) > f.p.Gathers(hd.Len()) {
		hd.Gather(nil)
		return
	}
	hd.Gather(kept.slot)
}

// show returns what a step between full ones sees: the partial cache and the
// step's own row.
func (f *fullStep) show(p Recycled, l *kvcache.Layer) [][]int32 {
	if !f.copied {
		f.each(p, l, nil, f.copyHead)
		f.copied = true
	}
	for h := range l.Heads {
		pos := l.Heads[h].Pos()
		older, own := f.older(pos), len(pos)-1
		if f.picks[h] = f.picks[h][:0]; own < 0 { // all rows are pinned
			continue
		}
		f.kept[h].follow(pos[:older])
		f.picks[h] = append(f.kept[h].partial(l.Slots(p.TopK + 1)[:0], own, min(own, older), p.TopK), int32(own))
	}
	return f.picks
}

// meanQuery averages the rotated query of the step's last token over the heads
// of the layer, and writes the mean to dst, [Dim].
func meanQuery(dst []float32, l *kvcache.Layer, s kvcache.Step) []float32 {
	heads, dim := len(l.Heads)*l.Group, l.Heads[0].Dim()
	clear(dst)
	for i, x := range s.Q[len(s.Q)-heads*dim:] {
		dst[i%dim] += x / float32(heads)
	}
	return dst
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		x, y := float64(x), float64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	return ab / math.Sqrt(aa*bb)
}
