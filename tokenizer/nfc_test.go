package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestNFC(t *testing.T) {
	marks := strings.Repeat("\u0335", 70)
	assert.Equal(t, marks, nfc(marks), "nothing is put between many marks")
	assert.Equal(t, "\u1e69"+marks, nfc("s"+marks+"\u0323\u0307"), "marks of another class still compose")
	assert.Equal(t, "\u034fé", nfc("\u034fe\u0301"))
	r := rand.New(rand.NewPCG(15, 16))
	alphabet := []rune("aesAEd ÅéởK\u0300\u0301\u0307\u0323\u0327\u0308\u0335\u0344\u0958\u09c7\u09be각ᄀ\u1161\u11a8\u2126\u1d15e\u034f")
	for range 3000 {
		s := randomText(r, alphabet, 25)
		require.Equal(t, norm.NFC.String(s), plainNFC(s), "%+q", s)
	}
}
