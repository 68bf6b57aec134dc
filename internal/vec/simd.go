//go:build (amd64 || arm64) && !noasm && !purego

package vec

// cached is the number of bytes of a matrix that are multiplied with all vectors
// before the next ones are read, so that they come from the second-level cache.
const cached = 128 << 10

// whole masks a number of elements: the assembly takes whole registers of 8
// where their order does not matter; the plain Go functions, which do the same to
// each, take the rest.
const whole = ^7

// first returns where to fetch from: next, or the rows in hand if there is none.
func first(next, w []byte) *byte {
	if len(next) == 0 {
		next = w
	}
	return &next[0]
}
