// Package par runs the iterations of a loop on a fixed set of goroutines. It is
// the one place where the library starts goroutines.
package par

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is a loop body. Do is called once for each i, by several goroutines at
// once; worker is in [0, Threads()) and never the same for two calls of one
// Run that overlap, so a task may keep scratch per worker.
type Task interface {
	Do(worker, i int)
}

// Pool is a set of workers. Its goroutines start with the first Run that can
// use them, spin for some microseconds after their work and then sleep.
type Pool struct {
	threads int
	region  sync.Mutex // held by the caller whose loop the workers run
	started bool       // under region
	closed  atomic.Bool
	workers sync.WaitGroup

	task     Task // task and n are written under region while no worker is inside
	n        int
	failure  atomic.Pointer[failure]
	done     chan struct{} // a token for the caller when it waits for the last worker
	wake     chan struct{} // a token for a sleeping worker
	sleepers atomic.Int32  // workers that sleep and have no token on the way

	_     [64]byte // the two hot words have cache lines of their own
	state atomic.Uint64
	_     [56]byte
	next  atomic.Int64
	_     [56]byte
}

// The state word: the workers inside the region, two flags, and the number of
// the region, which keeps a late worker from entering a later one unawares.
const (
	inside  = 1<<16 - 1
	open    = 1 << 16 // workers may enter
	waiting = 1 << 17 // the caller sleeps until the last worker leaves
	epoch   = 1 << 32
)

type failure struct{ value any }

// New returns a pool that runs loops on up to threads goroutines, the caller of
// Run among them; 0 stands for runtime.GOMAXPROCS(0). It starts none of them.
func New(threads int) *Pool {
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if threads < 1 || threads > inside {
		panic(fmt.Sprintf("par: New: got %d threads, want 0 to %d", threads, inside))
	}
	return &Pool{threads: threads, done: make(chan struct{}, 1), wake: make(chan struct{}, threads)}
}

// Threads returns the number of goroutines that may run a loop at once.
func (p *Pool) Threads() int { return p.threads }

// Run calls t.Do for each i in [0, n) and returns when all calls have returned.
// It allocates nothing after the first call. While the workers are busy with
// another loop, be it of another goroutine or of a task further up the stack,
// the caller does all the work itself. A panic in a call of Do ends the loop
// early and is raised again, with its value, from Run.
func (p *Pool) Run(n int, t Task) {
	if p.closed.Load() {
		panic("par: Run: got a closed pool, want an open one")
	}
	if n <= 1 || p.threads == 1 || !p.region.TryLock() {
		for i := range n {
			t.Do(0, i)
		}
		return
	}
	p.start()
	p.task, p.n = t, n
	p.next.Store(0)
	e := p.state.Load()/epoch + 1
	p.state.Store(e*epoch | open)
	p.rouse(min(n, p.threads) - 1)
	defer p.finish() // deferred, so that it happens if t calls runtime.Goexit too
	p.work(0)
}

// finish waits for the workers, frees the pool for the next loop and raises the
// panic of a task.
func (p *Pool) finish() {
	p.wait()
	p.task = nil
	f := p.failure.Swap(nil)
	p.region.Unlock()
	if f != nil {
		panic(f.value)
	}
}

// Close ends the workers and returns when they are gone. It waits for a loop
// that runs; the pool must not be used afterwards. Closing twice is allowed.
func (p *Pool) Close() {
	p.region.Lock()
	defer p.region.Unlock()
	p.closed.Store(true)
	p.rouse(p.threads)
	p.workers.Wait()
}

func (p *Pool) start() {
	if p.started {
		return
	}
	p.started = true
	for id := 1; id < p.threads; id++ {
		p.workers.Add(1)
		go p.worker(id)
	}
}

// work takes iterations until none is left and catches a panic among them.
func (p *Pool) work(worker int) {
	finished := false
	defer func() {
		if finished {
			return
		}
		p.next.Store(int64(p.n))
		f := &failure{recover()}
		if f.value == nil {
			f.value = "par: Run: got a task that called runtime.Goexit, want one that returns"
		}
		p.failure.CompareAndSwap(nil, f)
	}()
	for {
		i := int(p.next.Add(1)) - 1
		if i >= p.n {
			break
		}
		p.task.Do(worker, i)
	}
	finished = true
}

// wait closes the region and returns when no worker is inside.
func (p *Pool) wait() {
	p.state.And(^uint64(open))
	for s := (spinner{}); p.state.Load()&inside != 0; {
		if s.spin() {
			continue
		}
		if p.state.Or(waiting)&inside != 0 {
			<-p.done
		}
		return
	}
}
