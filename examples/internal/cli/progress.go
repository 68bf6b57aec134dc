package cli

import (
	"fmt"
	"io"
	"time"
)

// Progress tells how far a long task is: on a terminal in one line that is
// rewritten and at last removed, elsewhere in a line now and then.
type Progress struct {
	w        io.Writer
	what     string
	terminal bool
	every    time.Duration
	begun    time.Time
	next     time.Time
	shown    bool
}

// NewProgress says what is being done, such as "reading the prompt".
func NewProgress(w io.Writer, what string) *Progress {
	p := &Progress{w: w, what: what, terminal: IsTerminal(w), every: 10 * time.Second, begun: time.Now()}
	p.next = p.begun.Add(p.every)
	if p.terminal {
		p.every, p.next = time.Second/5, p.begun.Add(time.Second)
	}
	return p
}

// Show tells that so much is done, if it has not told so just before.
func (p *Progress) Show(done, total int) {
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(p.every), true
	text := fmt.Sprintf("%s: %d %%", p.what, 100*int64(done)/int64(max(1, total)))
	if gone := now.Sub(p.begun); done > 0 && gone > 5*time.Second {
		left := time.Duration(float64(gone) * float64(total-done) / float64(done))
		text += fmt.Sprintf(", about %v left", left.Round(time.Second))
	}
	if p.terminal {
		fmt.Fprintf(p.w, "\r%s\x1b[K", text)
	} else {
		fmt.Fprintln(p.w, text)
	}
}

// End removes the line from a terminal.
func (p *Progress) End() {
	if p.terminal && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown = false
}
