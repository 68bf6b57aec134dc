package policy

import (
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// KVzip keeps what the model needs to repeat what it read (Kim et al. 2025; code
// NVIDIA kvpress). When a prompt ends it is read once more, Chunk tokens at a
// time, after a request to repeat it; a row's score is the largest weight that
// any query head of its group gives it in any token of that, the softmax being
// over the first Sink rows, the chunk's rows and the rehearsal's own. The best
// rows of all heads of all layers stay, Budget a head in the mean, exactly.
//
// What stays does not depend on a question that follows. The price is a second
// reading of everything, on top of the whole cache, which is held until then.
// What was generated since the last prompt is rehearsed with the next one; rows
// rehearsed before keep their scores. The first Sink rows stay, by
// construction. Equal scores: the lower slot stays, then the lower layer and
// head. The rehearsal is the session's doing (kvcache.Rehearser): a cache that
// is used without one drops nothing.
type KVzip struct {
	Budget   int  // rows that survive a head, in the mean; 0: 1024
	Chunk    int  // 0: 2048
	Sink     int  // 0: 4; negative: none
	PerLayer bool // the heads of each layer compete among themselves
}

const defaultChunk = 2048

func (p KVzip) filled() KVzip {
	if p.Budget == 0 {
		p.Budget = defaultBudget
	}
	if p.Chunk == 0 {
		p.Chunk = defaultChunk
	}
	if p.Sink == 0 {
		p.Sink = min(defaultSink, p.Budget)
	}
	p.Sink = max(0, p.Sink)
	return p
}

// Check refuses sizes that cannot be.
func (p KVzip) Check(kvcache.Shape, kvcache.Config) error {
	p = p.filled()
	switch {
	case p.Budget < 1 || p.Sink > p.Budget:
		return fmt.Errorf("policy: KVzip: got Budget %d and Sink %d, want a budget of at least 1 and at most as many sinks", p.Budget, p.Sink)
	case p.Chunk < 1:
		return fmt.Errorf("policy: KVzip: got Chunk %d, want at least 1", p.Chunk)
	}
	return nil
}

// Rehearse implements kvcache.Rehearser.
func (p KVzip) Rehearse() int { return p.filled().Chunk }

// Show shows everything and watches rehearsals.
func (p KVzip) Show(l *kvcache.Layer, s kvcache.Step) kvcache.Plan {
	if s.Again == nil {
		return kvcache.Plan{}
	}
	plan := kvcache.Plan{Watch: kvcache.All, Most: true}
	for h := range l.Heads {
		plan.Among = append(plan.Among, p.filled().among(l, h, s.Again))
	}
	return plan
}

// among returns the slots of the sinks, of the repeated rows and of the
// rehearsal's own.
func (p KVzip) among(l *kvcache.Layer, h int, again *kvcache.Again) []int32 {
	slots := l.Slots(l.Heads[h].Len())[:0]
	for j, pos := range l.Heads[h].Pos() {
		if j < p.Sink || again.From <= pos && pos < again.To || pos >= again.Since {
			slots = append(slots, int32(j))
		}
	}
	return slots
}

// Keep drops nothing: it notes what a rehearsal attended to.
func (p KVzip) Keep(l *kvcache.Layer, s kvcache.Step, seen *attention.Scores) {
	if s.Again == nil || s.Rest > 0 || seen == nil {
		return
	}
	for h := range l.Heads {
		score, pos := l.Heads[h].Score(), l.Heads[h].Pos()
		most := Most.combine(l.Floats(len(seen.Mass[h*l.Group])), group(l, seen, h))
		for i, slot := range p.filled().among(l, h, s.Again) {
			if s.Again.From <= pos[slot] && pos[slot] < s.Again.To {
				score[slot] = max(score[slot], most[i])
			}
		}
	}
}

// Settle implements kvcache.Rehearser.
func (p KVzip) Settle(layers []kvcache.Layer) {
	if !p.filled().PerLayer {
		p.settle(layers)
		return
	}
	for i := range layers {
		p.settle(layers[i : i+1])
	}
}

// settle has the heads of some layers compete.
func (p KVzip) settle(layers []kvcache.Layer) {
	p = p.filled()
	var score [][]float32
	rows := 0
	for i := range layers {
		for h := range layers[i].Heads {
			own := append([]float32(nil), layers[i].Heads[h].Score()...)
			protect(own, p.Sink)
			score, rows = append(score, own), rows+len(own)
		}
	}
	if rows <= p.Budget*len(score) {
		return
	}
	keep := compete(score, p.Budget*len(score))
	for i := range layers {
		n := len(layers[i].Heads)
		keepRanked(&layers[i], score[:n], keep)
		score, keep = score[n:], keep[n:]
	}
}
