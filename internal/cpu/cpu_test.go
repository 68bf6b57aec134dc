package cpu

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestChooseLowersAndNeverRaises(t *testing.T) {
	for best := Go; best <= AVX512; best++ {
		assert.Equal(t, best, choose("", best))
		for asked := Go; asked <= AVX512; asked++ {
			assert.Equal(t, min(asked, best), choose(asked.String(), best), "%v of %v", asked, best)
		}
	}
}

func TestChooseRefusesUnknownWords(t *testing.T) {
	assert.PanicsWithValue(t, `cpu: WINNOW_CPU: got "sse9", want go, avx2 or avx512`, func() {
		choose("sse9", AVX2)
	})
}

func TestCurrentFollowsTheEnvironment(t *testing.T) {
	assert.Equal(t, choose(os.Getenv(Variable), Detect()), Current)
	assert.LessOrEqual(t, Current, Detect())
}

func TestLevelString(t *testing.T) {
	assert.Equal(t, "go", Go.String())
	assert.Equal(t, "avx2", AVX2.String())
	assert.Equal(t, "avx512", AVX512.String())
	assert.Equal(t, "Level(7)", Level(7).String())
}
