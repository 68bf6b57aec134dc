package attention

import (
	"math"
	"sort"

	"github.com/winnowlm/winnow/internal/vec"
)

// Forever is an Until that excludes no position.
const Forever = math.MaxInt32

// seen reports whether any query at pos, ascending, may see any row. If all rows
// are past, their positions need not be looked up, which lie apart from the span.
func (s *Span) seen(pos []int32, p Params, past bool) bool {
	first, last := pos[0], pos[len(pos)-1]
	if len(s.Pos) == 0 || s.From > last || s.Until <= first {
		return false
	}
	if past {
		return true
	}
	if s.Pos[0] > last {
		return false
	}
	return p.Window == 0 || s.Pos[len(s.Pos)-1] > first-p.Window
}

// after returns the index of the first row after position at.
func (s *Span) after(at int32) int {
	return sort.Search(len(s.Pos), func(j int) bool { return s.Pos[j] > at })
}

// visible returns the range of rows that a query at position at may see.
func (s *Span) visible(at, window int32) (first, last int) {
	if at < s.From || at >= s.Until {
		return 0, 0
	}
	last = len(s.Pos)
	if s.Pos[last-1] > at {
		last = s.after(at)
	}
	if window > 0 && last > 0 && s.Pos[0] <= at-window {
		first = min(last, s.after(at-window))
	}
	return first, last
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

func zeroed(x []float32, n int) []float32 {
	x = vec.Resize(x, n)
	clear(x)
	return x
}
