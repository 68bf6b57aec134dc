package policy

import (
	"fmt"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/kvcache"
)

// Window keeps the first Sink rows and the last Recent ones, at the end of the
// prompt and after each generated token (StreamingLLM, Xiao et al. 2023).
// Within a prompt nothing is dropped, so how it is cut changes nothing.
//
// With Renumber, attention sees the kept rows at their slots, as in the paper
// and its code: positions never exceed the window however long the text. Keys
// stay as they are; the queries that meet the sinks are turned instead, which
// is the same rotation and exact in every format. Without it rows keep their
// original positions, as in the "StreamingLLM" that KVCache-Factory (Sink =
// budget−window) and Ada-KV (Sink = 4) compare with.
type Window struct {
	Sink     int // 0: 4; negative: none
	Recent   int // 0: 1020
	Renumber bool
}

const (
	defaultSink   = 4
	defaultRecent = 1020
)

func (p Window) sizes() (sink, recent int) {
	sink, recent = p.Sink, p.Recent
	if sink == 0 {
		sink = defaultSink
	}
	if recent == 0 {
		recent = defaultRecent
	}
	return max(0, sink), recent
}

// Check refuses a window without recent rows, and to renumber around rows that
// are pinned within the text: they are neither sinks nor recent.
func (p Window) Check(_ kvcache.Shape, cfg kvcache.Config) error {
	for _, r := range cfg.Pin {
		if p.Renumber && r.From > 0 {
			return fmt.Errorf("policy: Window: got Renumber with Pin from %d to %d, want no rows pinned but the first", r.From, r.To)
		}
	}
	if p.Recent < 0 {
		return fmt.Errorf("policy: Window: got Recent %d, want at least 1", p.Recent)
	}
	return nil
}

// Show shows everything; renumbered sinks stand where the dropped rows end.
func (p Window) Show(l *kvcache.Layer, _ kvcache.Step) kvcache.Plan {
	if !p.Renumber {
		return kvcache.Plan{}
	}
	sink, _ := p.sizes()
	pos := l.Heads[0].Pos()
	if sink == 0 || len(pos) <= sink {
		return kvcache.Plan{}
	}
	return kvcache.Plan{Lead: sink, Shift: pos[sink] - pos[sink-1] - 1}
}

// Keep drops the rows between the sinks and the recent ones.
func (p Window) Keep(l *kvcache.Layer, s kvcache.Step, _ *attention.Scores) {
	if s.Rest > 0 {
		return
	}
	sink, recent := p.sizes()
	for h := range l.Heads {
		if hd := &l.Heads[h]; hd.Len() > sink+recent {
			hd.Drop(sink, hd.Len()-recent)
		}
	}
}
