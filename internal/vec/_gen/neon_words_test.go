package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/arch/arm64/arm64asm"
)

var wordLine = regexp.MustCompile(`(?m)^\tWORD \$0x([0-9a-f]{8}) // (.*)$`)

// Each instruction that is written by its bits in the assembly is what its
// comment says, as another decoder reads it.
func TestWordsAreWhatTheySay(t *testing.T) {
	files, err := filepath.Glob("../*_arm64.s")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		words := wordLine.FindAllStringSubmatch(string(text), -1)
		require.Len(t, words, strings.Count(string(text), "WORD "), "%s: every word has a comment", path)
		for _, w := range words {
			bits, err := strconv.ParseUint(w[1], 16, 32)
			require.NoError(t, err)
			if strings.HasPrefix(w[2], "sdot ") {
				continue // the decoder lacks it: see TestDotProductsAgainstAnAssembler
			}
			require.Equal(t, w[2], decoded(t, uint32(bits)), "%s: %s", path, w[0])
		}
	}
}

func decoded(t *testing.T, bits uint32) string {
	t.Helper()
	inst, err := arm64asm.Decode(binary.LittleEndian.AppendUint32(nil, bits))
	require.NoError(t, err, "%08x", bits)
	return arm64asm.GNUSyntax(inst)
}

// The words on the left are those that GNU as 2.40 makes of the text on the right
// (aarch64-linux-gnu-as -march=armv8.2-a+dotprod): each field at both its ends.
func TestDotProductsAgainstAnAssembler(t *testing.T) {
	a := new(neon)
	for _, c := range []struct {
		word, text string
		write      func()
	}{
		{"4e809400", "sdot v0.4s, v0.16b, v0.16b", func() { a.sdot(0, 0, 0) }},
		{"4e80941f", "sdot v31.4s, v0.16b, v0.16b", func() { a.sdot(31, 0, 0) }},
		{"4e8097e0", "sdot v0.4s, v31.16b, v0.16b", func() { a.sdot(0, 31, 0) }},
		{"4e9f9400", "sdot v0.4s, v0.16b, v31.16b", func() { a.sdot(0, 0, 31) }},
		{"4f80e000", "sdot v0.4s, v0.16b, v0.4b[0]", func() { a.sdotElement(0, 0, 0, 0) }},
		{"4f80e01f", "sdot v31.4s, v0.16b, v0.4b[0]", func() { a.sdotElement(31, 0, 0, 0) }},
		{"4f80e3e0", "sdot v0.4s, v31.16b, v0.4b[0]", func() { a.sdotElement(0, 31, 0, 0) }},
		{"4f9fe000", "sdot v0.4s, v0.16b, v31.4b[0]", func() { a.sdotElement(0, 0, 31, 0) }},
		{"4fa0e000", "sdot v0.4s, v0.16b, v0.4b[1]", func() { a.sdotElement(0, 0, 0, 1) }},
		{"4f80e800", "sdot v0.4s, v0.16b, v0.4b[2]", func() { a.sdotElement(0, 0, 0, 2) }},
		{"4fa0e800", "sdot v0.4s, v0.16b, v0.4b[3]", func() { a.sdotElement(0, 0, 0, 3) }},
	} {
		a.text.Reset()
		c.write()
		assert.Equal(t, "\tWORD $0x"+c.word+" // "+c.text+"\n", a.text.String())
	}
}
