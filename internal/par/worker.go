package par

import "runtime"

func (p *Pool) worker(id int) {
	defer p.workers.Done()
	var seen uint64 // the last region that this worker has been inside
	var s spinner
	for !p.closed.Load() {
		state := p.state.Load()
		switch {
		case state&open != 0 && state/epoch != seen:
			if p.state.CompareAndSwap(state, state+1) {
				seen = state / epoch
				p.inside(id)
			}
			s = spinner{}
		case !s.spin():
			p.sleep(seen)
			s = spinner{}
		}
	}
}

func (p *Pool) inside(id int) {
	// Deferred, so that a task that calls runtime.Goexit cannot hang its caller.
	defer func() {
		if left := p.state.Add(^uint64(0)); left&inside == 0 && left&waiting != 0 {
			p.done <- struct{}{}
		}
	}()
	p.work(id)
}

// sleep parks the worker until a token arrives. Every worker that counts itself
// a sleeper leaves by taking itself off the count or by taking a token; rouse
// sends one token for each that it takes off.
func (p *Pool) sleep(seen uint64) {
	p.sleepers.Add(1)
	state := p.state.Load()
	news := p.closed.Load() || state&open != 0 && state/epoch != seen
	if news && p.take() {
		return
	}
	<-p.wake
}

// rouse wakes up to n sleepers.
func (p *Pool) rouse(n int) {
	for ; n > 0 && p.take(); n-- {
		p.wake <- struct{}{}
	}
}

func (p *Pool) take() bool {
	for {
		n := p.sleepers.Load()
		if n == 0 {
			return false
		}
		if p.sleepers.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// spinner is a short wait: a microsecond of polling, for the handover between
// two loops that follow each other, then some tens of microseconds in which
// other goroutines go first.
type spinner struct{ n int }

const (
	polls  = 500
	yields = 200
)

// spin waits a moment and returns true, or false when it is time to sleep.
func (s *spinner) spin() bool {
	s.n++
	if s.n > polls {
		runtime.Gosched()
	}
	return s.n <= polls+yields
}
