package eval

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/tokenizer"
)

// Windows are how documents are read by StridedLoss. The zero value is the
// procedure's.
type Windows struct {
	Window int // tokens that a pass reads, and one more that is predicted; 0: 1900
	Stride int // tokens that each window but the first scores; 0: 512

	// Progress, if not nil, is called after each window.
	Progress func(done, total int)
}

// Corpus is the loss on documents.
type Corpus struct {
	Docs []Loss // of each document: what was scored of it

	// Parity counts as the published code does: the tokens after the last whole
	// stride are not scored, while all characters count.
	Parity float64 // bits per character
}

// Total returns the loss of all documents together.
func (c Corpus) Total() Loss {
	var all Loss
	for _, d := range c.Docs {
		all.Nats = append(all.Nats, d.Nats...)
		all.Chars += d.Chars
		all.Bytes += d.Bytes
	}
	return all
}

// StridedLoss takes the loss on documents as "Compression Represents
// Intelligence Linearly" does (Huang et al. 2024, arXiv 2404.09937): documents
// are encoded one by one, BOS included, and joined; windows of one length
// start a stride apart, and each scores what the one before did not reach.
//
// Every window is read anew, so a policy has nothing to do: for
// what eviction costs there is TextLoss.
func StridedLoss(ctx context.Context, setup Setup, docs []string, o Windows) (Corpus, error) {
	if o.Window == 0 {
		o.Window = 1900
	}
	if o.Stride == 0 {
		o.Stride = min(512, o.Window)
	}
	if o.Window < 1 || o.Stride < 1 || o.Stride > o.Window {
		return Corpus{}, fmt.Errorf("eval: got windows of %d tokens and a stride of %d, want a stride of 1 to the window", o.Window, o.Stride)
	}
	if setup.Model.Tokenizer() == nil {
		return Corpus{}, fmt.Errorf("eval: %w", winnow.ErrNoTokenizer)
	}
	ids, ends := join(setup.Model.Tokenizer(), docs)
	if len(ids) < 2 {
		return Corpus{}, fmt.Errorf("eval: got documents of %d tokens, want 2 or more", len(ids))
	}
	r := strided{ends: ends, scored: 1, docs: make([]Loss, len(docs))}
	parity := 0.0
	starts := windows(len(ids), o)
	for j, start := range starts {
		if err := r.window(ctx, setup, ids[start:min(start+o.Window+1, len(ids))], start); err != nil {
			return Corpus{}, err
		}
		if start%o.Stride == 0 && start+o.Window < len(ids) {
			parity = r.nats
		}
		if o.Progress != nil {
			o.Progress(j+1, len(starts))
		}
	}
	whole := Loss{Nats: []float64{parity}}
	for _, d := range docs {
		whole.Chars += utf8.RuneCountInString(d)
	}
	return Corpus{Docs: r.docs, Parity: whole.BitsPerChar()}, nil
}

// join encodes documents one after another, and tells where each ends.
func join(t *tokenizer.Tokenizer, docs []string) (ids []int32, ends []int) {
	for _, d := range docs {
		if d != "" {
			ids = t.AppendEncode(ids, d, tokenizer.EncodeOptions{})
		}
		ends = append(ends, len(ids))
	}
	return ids, ends
}

// windows returns where the windows start: a stride apart, and a last one that
// reaches the end of n tokens.
func windows(n int, o Windows) []int {
	starts := []int{0}
	for at := 0; at+o.Window+1 < n; {
		at = min(at+o.Stride, n-o.Window-1)
		starts = append(starts, at)
	}
	return starts
}

// strided is the state from window to window.
type strided struct {
	ends   []int
	scored int // tokens that have been predicted so far, and the first, which is not
	doc    int // of the last one
	docs   []Loss
	nats   float64
}

// window reads the tokens from start on, and scores those that no window has.
func (r *strided) window(ctx context.Context, setup Setup, tokens []int32, start int) error {
	s, err := setup.open(len(tokens) - 1)
	if err != nil {
		return err
	}
	return walk(ctx, []*winnow.Session{s}, tokens, Reading{Prompt: r.scored - start, Whole: true}, func(target int32, logits [][]float32) {
		for r.ends[r.doc] <= r.scored {
			r.doc++
		}
		d := &r.docs[r.doc]
		d.add(s.Model().Tokenizer(), target, logits[0])
		r.nats += d.Nats[len(d.Nats)-1]
		r.scored++
	})
}
