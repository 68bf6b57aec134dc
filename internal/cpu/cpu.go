// Package cpu says which instructions the kernels of package vec may use.
//
// A level is a set of features, not a single one: a machine, a hypervisor or an
// emulator that lacks any feature of a level gets the level below.
package cpu

import (
	"fmt"
	"os"
)

// Level is a set of instructions that kernels are written for. Levels are
// ordered: a machine with one has all below.
type Level int

// The levels. The order of additions differs between levels, so results may
// differ by rounding; within a level they are bitwise reproducible.
const (
	Go     Level = iota // plain Go, no assembly
	AVX2                // AVX2, FMA and F16C
	AVX512              // AVX2 and AVX-512 F, BW, DQ, VL and VNNI
)

// Variable is the environment variable that lowers the level: go, avx2 or
// avx512. A level that the machine lacks gives the best one below it.
const Variable = "WINNOW_CPU"

// Current is the level chosen at start: Detect, lowered by the environment.
var Current = choose(os.Getenv(Variable), Detect())

// Detect returns the highest level of this machine and this build: Go on every
// architecture but amd64, and under the build tags noasm and purego.
func Detect() Level { return detect() }

// String returns the word that the environment variable uses for the level.
func (l Level) String() string {
	switch l {
	case Go:
		return "go"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	}
	return fmt.Sprintf("Level(%d)", int(l))
}

func choose(word string, best Level) Level {
	if word == "" {
		return best
	}
	for l := Go; l <= AVX512; l++ {
		if word == l.String() {
			return min(l, best)
		}
	}
	panic(fmt.Sprintf("cpu: %s: got %q, want go, avx2 or avx512", Variable, word))
}
