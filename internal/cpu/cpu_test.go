package cpu

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestChooseLowersAndNeverRaises(t *testing.T) {
	for best := range words {
		assert.Equal(t, Level(best), choose("", Level(best)))
		for asked, word := range words {
			assert.Equal(t, Level(min(asked, best)), choose(word, Level(best)), "%s of %s", word, words[best])
		}
	}
}

func TestChooseRefusesUnknownWords(t *testing.T) {
	want := `cpu: WINNOW_CPU: got "sse9", want one of ` + strings.Join(words, ", ")
	assert.PanicsWithValue(t, want, func() { choose("sse9", Go) })
}

func TestCurrentFollowsTheEnvironment(t *testing.T) {
	assert.Equal(t, choose(os.Getenv(Variable), Detect()), Current)
	assert.LessOrEqual(t, Current, Detect())
	assert.Less(t, int(Detect()), len(words))
}

func TestLevelString(t *testing.T) {
	assert.Equal(t, "go", Go.String())
	for l, word := range words {
		assert.Equal(t, word, Level(l).String())
	}
	assert.Equal(t, "Level(7)", Level(7).String())
	assert.Equal(t, "Level(-1)", Level(-1).String())
}
