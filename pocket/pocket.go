// Package pocket is a small language model that comes with the source: 5.8
// million parameters in Q8_0, 6 MB, so that examples and tests run on a model
// that was trained and truly retrieves, without a download.
//
// It finds facts in a text of thousands of tokens and answers questions in the
// forms that it was trained on, and it writes simple English. That is all: it
// knows nothing of the world, follows no instructions, and a question in words
// of your own is likely to be answered wrongly. docs/pocket.md has figures, and
// tools/pocket what trained it. Programs that do not import this package do not
// contain the weights.
package pocket

import (
	_ "embed" // the weights
	"strings"

	"github.com/winnowlm/winnow"
)

// file is in GGUF.
//
//go:embed pocket.gguf
var file string

// Open returns the model, whose weights are part of the program.
func Open(o winnow.Options) (*winnow.Model, error) {
	return winnow.LoadReaderAt(strings.NewReader(file), int64(len(file)), o)
}
