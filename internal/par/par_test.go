package par

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type funcTask func(worker, i int)

func (f funcTask) Do(worker, i int) { f(worker, i) }

func TestRunCallsEachIterationOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := New(threads)
		assert.Equal(t, threads, p.Threads())
		for _, n := range []int{-1, 0, 1, 2, 3, 7, 64, 1000} {
			calls := make([]int32, max(n, 0))
			p.Run(n, funcTask(func(worker, i int) {
				assert.GreaterOrEqual(t, worker, 0)
				assert.Less(t, worker, threads)
				atomic.AddInt32(&calls[i], 1)
			}))
			for i, c := range calls {
				require.EqualValues(t, 1, c, "iteration %d of %d", i, n)
			}
		}
		p.Close()
	}
}

func TestZeroThreadsMeansGOMAXPROCS(t *testing.T) {
	assert.Equal(t, runtime.GOMAXPROCS(0), New(0).Threads())
	assert.Panics(t, func() { New(-1) })
}

// A plain (not atomic) word per worker: the race detector or a lost count shows
// two overlapping calls with one worker index, and a loop that returns early.
func TestWorkersAreDistinctAndJoined(t *testing.T) {
	p := New(4)
	defer p.Close()
	var scratch [4]struct {
		n int
		_ [64]byte
	}
	total := 0
	for round := range 2000 {
		n := round % 9
		total += n
		p.Run(n, funcTask(func(worker, _ int) { scratch[worker].n++ }))
	}
	sum := 0
	for i := range scratch {
		sum += scratch[i].n
	}
	assert.Equal(t, total, sum)
}

func TestLoopsUseSeveralWorkers(t *testing.T) {
	p := New(2)
	defer p.Close()
	for _, pause := range []time.Duration{0, 5 * time.Millisecond} { // awake and asleep
		time.Sleep(pause)
		var met sync.WaitGroup
		met.Add(2)
		p.Run(2, funcTask(func(_, _ int) {
			met.Done()
			met.Wait() // returns only if both run at once
		}))
	}
}

func TestBusyAndNestedLoopsRunInTheCaller(t *testing.T) {
	p := New(2)
	defer p.Close()
	var inner atomic.Int32
	p.Run(8, funcTask(func(_, _ int) {
		p.Run(8, funcTask(func(worker, _ int) {
			assert.Zero(t, worker)
			inner.Add(1)
		}))
	}))
	assert.EqualValues(t, 64, inner.Load())

	var wg sync.WaitGroup
	var sum atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 200 {
				p.Run(5, funcTask(func(_, i int) { sum.Add(int64(i)) }))
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 8*200*10, sum.Load())
}

func TestPanicReachesTheCaller(t *testing.T) {
	p := New(3)
	defer p.Close()
	failed := errors.New("failed")
	for _, at := range []int{0, 1, 99} {
		assert.PanicsWithValue(t, failed, func() {
			p.Run(100, funcTask(func(_, i int) {
				if i == at {
					panic(failed)
				}
			}))
		})
		var n atomic.Int32
		p.Run(100, funcTask(func(_, _ int) { n.Add(1) }))
		require.EqualValues(t, 100, n.Load(), "the pool works after a panic")
	}
}

func TestGoexitOfATaskDoesNotHang(t *testing.T) {
	p := New(2)
	for range 20 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			p.Run(2, funcTask(func(_, _ int) { runtime.Goexit() }))
		}()
		<-done
	}
	p.Close()
}

// A worker that has nothing to do costs nothing: it sleeps, after a loop and while
// others are still at work in it.
func TestIdleWorkersSleep(t *testing.T) {
	p := New(4)
	defer p.Close()
	sleep := func(n int32) bool {
		return assert.Eventually(t, func() bool { return p.sleepers.Load() >= n }, 10*time.Second, 100*time.Microsecond, "want %d workers asleep", n)
	}
	for range 3 {
		p.Run(8, funcTask(func(_, i int) {
			if i == 0 {
				sleep(2) // the third may be here and the caller be waiting
			}
		}))
		sleep(3)
	}
}

// Loops that follow each other on as many threads as there are leave room for
// other goroutines: all of many that talk to one get their answers meanwhile.
func TestOthersRunMeanwhile(t *testing.T) {
	const others, answers = 50, 20
	p := New(0)
	defer p.Close()
	questions, done := make(chan chan int), make(chan struct{}, others)
	go func() {
		for q := range questions {
			q <- 1
		}
	}()
	for range others {
		go func() {
			answer := make(chan int)
			for range answers {
				questions <- answer
				<-answer
			}
			done <- struct{}{}
		}()
	}
	var sum atomic.Int64
	task := funcTask(func(_, i int) {
		for j := range 10_000 * (1 + i%3) { // some end before others, and wait
			i ^= j
		}
		sum.Add(int64(i))
	})
	satisfied := 0
	for begin := time.Now(); satisfied < others && time.Since(begin) < time.Minute; {
		p.Run(2*p.Threads(), task)
		for len(done) > 0 {
			<-done
			satisfied++
		}
	}
	require.Equal(t, others, satisfied, "of so many, got answers within a minute")
	close(questions)
}

// workers counts the goroutines of pools, of which one that has just ended may
// still be on its way out.
func workers() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "par.(*Pool).worker(")
}

func TestCloseEndsTheWorkers(t *testing.T) {
	for _, pause := range []time.Duration{0, 3 * time.Millisecond} {
		become := func(n int) {
			assert.Eventually(t, func() bool { return workers() == n }, 10*time.Second, time.Millisecond, "want %d workers, have %d", n, workers())
		}
		become(0)
		p := New(6)
		assert.Zero(t, workers(), "workers start with the first loop")
		p.Run(12, funcTask(func(_, _ int) {}))
		become(5)
		time.Sleep(pause)
		p.Close()
		p.Close()
		become(0)
		assert.PanicsWithValue(t, "par: Run: got a closed pool, want an open one", func() {
			p.Run(1, funcTask(func(_, _ int) {}))
		})
	}
}

type counter struct{ n [8]int }

func (c *counter) Do(worker, _ int) { c.n[worker]++ }

func TestRunDoesNotAllocate(t *testing.T) {
	p := New(2)
	defer p.Close()
	c := new(counter)
	p.Run(4, c)
	assert.Zero(t, testing.AllocsPerRun(100, func() { p.Run(4, c) }))
}

func BenchmarkRun(b *testing.B) {
	p := New(2)
	defer p.Close()
	c := new(counter)
	b.ReportAllocs()
	for b.Loop() {
		p.Run(2, c)
	}
}

func BenchmarkRunAfterSleep(b *testing.B) {
	p := New(2)
	defer p.Close()
	c := new(counter)
	for b.Loop() {
		b.StopTimer()
		time.Sleep(200 * time.Microsecond)
		b.StartTimer()
		p.Run(2, c)
	}
}
