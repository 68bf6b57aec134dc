// Package cpu says which instructions the kernels of package vec may use.
//
// A level is a set of features, not a single one: a machine, a hypervisor or an
// emulator that lacks any feature of a level gets the level below.
package cpu

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Level is a set of instructions that kernels are written for. The levels of an
// architecture are ordered: a machine with one has all below. The order of
// additions differs between levels, so results may differ by rounding; within a
// level they are bitwise reproducible.
type Level int

// The levels that every architecture has names for; SIMD stands for AVX2 on
// amd64 and for NEON on arm64. Others have plain Go alone.
const (
	Go   Level = iota // plain Go, no assembly
	SIMD              // the lowest level with vectors
)

// Variable is the environment variable that lowers the level: go, or avx2 or
// avx512 on amd64, neon or dotprod on arm64. A level that the machine lacks gives
// the best one below it.
const Variable = "WINNOW_CPU"

// Current is the level chosen at start: Detect, lowered by the environment.
var Current = choose(os.Getenv(Variable), Detect())

// Detect returns the highest level of this machine and this build: Go on every
// architecture but amd64 and arm64, and under the build tags noasm and purego.
func Detect() Level { return detect() }

// String returns the word that the environment variable uses for the level.
func (l Level) String() string {
	if l >= Go && int(l) < len(words) {
		return words[l]
	}
	return fmt.Sprintf("Level(%d)", int(l))
}

func choose(word string, best Level) Level {
	if word == "" {
		return best
	}
	l := slices.Index(words, word)
	if l < 0 {
		panic(fmt.Sprintf("cpu: %s: got %q, want one of %s", Variable, word, strings.Join(words, ", ")))
	}
	return min(Level(l), best)
}
