package main

import (
	"fmt"
	"io"
	"time"

	"github.com/winnowlm/winnow/examples/internal/cli"
)

// progress tells how far a long prompt has been read: on a terminal in one
// line that is rewritten and at last removed, elsewhere in a line now and then.
type progress struct {
	w        io.Writer
	terminal bool
	every    time.Duration
	next     time.Time
	shown    bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, terminal: cli.IsTerminal(w), every: 10 * time.Second}
	p.next = time.Now().Add(p.every)
	if p.terminal {
		p.every, p.next = time.Second/5, time.Now().Add(time.Second)
	}
	return p
}

func (p *progress) show(done, total int) {
	if time.Now().Before(p.next) {
		return
	}
	p.next, p.shown = time.Now().Add(p.every), true
	text := fmt.Sprintf("reading the prompt: %d %%", 100*int64(done)/int64(max(1, total)))
	if p.terminal {
		fmt.Fprintf(p.w, "\r%s", text)
	} else {
		fmt.Fprintln(p.w, text)
	}
}

// end removes the line from a terminal.
func (p *progress) end() {
	if p.terminal && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown = false
}
