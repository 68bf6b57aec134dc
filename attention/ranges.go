package attention

import "math/bits"

// Rows of a head, by Span.At, are attended to in ranges, each on its own. What a
// query gets is merged from what it gets of each range, in order, so that
// goroutines may share the ranges and no bit depends on how they do. Ranges are
// of rangeRows rows, and of an eighth to a sixteenth of those before them where
// that is more: there are enough to share, and few to merge.
const (
	rangeRows = 256
	perOctave = 8 // ranges while the number of rows doubles
)

// rangeOf returns the range of the row at. It is that of the rows from
// rangeRows·perOctave·2ᵏ on, each rangeRows·2ᵏ long, for the largest such k.
func rangeOf(at int) int {
	k := max(0, bits.Len(uint(at/(rangeRows*perOctave)))-1)
	return k*perOctave + at/(rangeRows<<k)
}

// RangeStart returns the first row of range r.
func RangeStart(r int) int {
	k := max(0, r/perOctave-1)
	return (r - k*perOctave) * (rangeRows << k)
}

// Ranges returns the most ranges that n rows of a head are in.
func Ranges(n int) int {
	if n == 0 {
		return 0
	}
	return rangeOf(n-1) + 1
}

// Ranges returns the number of ranges of KV head h.
func (v View) Ranges(h int) int {
	spans := v.Heads[h]
	if len(spans) == 0 {
		return 0
	}
	return rangeOf(int(spans[len(spans)-1].At)) + 1
}

// rangeEnd returns the index of the first span after i that is of another range.
func rangeEnd(spans []Span, i int) int {
	end := RangeStart(rangeOf(int(spans[i].At)) + 1)
	for i < len(spans) && int(spans[i].At) < end {
		i++
	}
	return i
}
