// Package vec is the arithmetic of the library: products with rows in the
// formats that weights and caches are stored in, and the elementwise functions
// of a transformer.
//
// Every function exists as plain Go, which is its specification and runs
// anywhere, and as assembly for the levels of package cpu; level says which one
// is used. The assembly is generated: go generate.
//
// Within one level a result depends on the values alone, bit for bit: not on how
// many rows or tokens are handed over at once, nor on how a matrix is cut into
// calls. So a prompt fed in pieces gives what it gives at once. Levels differ
// from each other by rounding.
//
// Matrices of bytes are little-endian and row-major and need no alignment.
// Slices that are too short are the caller's bug and panic.
package vec

import (
	"fmt"

	"github.com/winnowlm/winnow/internal/cpu"
)

//go:generate sh -c "cd _gen && go run . .."

// level is a variable for the sake of the tests, which run every level.
var level = cpu.Current

// want panics with the caller's bug unless got is at least need.
func want(name, what string, got, need int) {
	if got < need {
		tooShort(name, what, got, need)
	}
}

//go:noinline
func tooShort(name, what string, got, need int) {
	panic(fmt.Sprintf("vec: %s: got %s %d, want at least %d", name, what, got, need))
}

// span returns the length of a matrix of rows that begin stride apart, the last
// of which has size bytes (or elements).
func span(rows, stride, size int) int {
	if rows <= 0 {
		return 0
	}
	return (rows-1)*stride + size
}
