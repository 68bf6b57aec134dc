package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
)

func start(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

func TestTokenize(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	file := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(file, []byte("Once upon a time"), 0o600))
	for _, c := range []struct {
		stdin string
		flags []string
		want  string
	}{
		{"", []string{"-text", "Once upon a time"}, "[1,403,407,261,378]\n"},
		{"", []string{"-file", file}, "[1,403,407,261,378]\n"},
		{"Once upon a time", nil, "[1,403,407,261,378]\n"},
		{"Once upon a time", []string{"-bare"}, "[403,407,261,378]\n"},
		{"", []string{"-bare"}, "[]\n"},
		{"", []string{"-text", "</s>", "-special"}, "[1,2]\n"},
		{"", []string{"-decode", "[1, 403, 407]"}, "Once upon"},
		{"", []string{"-decode", "[]"}, ""},
	} {
		code, out, stderr := start(c.stdin, append(c.flags, "-model", model)...)
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, c.want, out, "%v", c.flags)
		assert.Empty(t, stderr)
	}
	_, out, _ := start("</s>", "-model", model)
	assert.NotEqual(t, "[1,2]\n", out, "text stays text")
	code, _, stderr := start("", "-model", model, "-decode", "[1,512]")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "id 1 is 512, want 0 to 511")
}

// The models of these files cannot be run: they are vocabularies alone.
func TestVocabularies(t *testing.T) {
	text := "Größe 12345 \"你好\"\n\tcode() 🙂"
	for _, model := range refdata.Glob(t, refdata.Data(t, "tokenizers", "gguf-vocab", "*.gguf")) {
		code, ids, stderr := start("", "-model", model, "-bare", "-text", text)
		require.Equal(t, 0, code, stderr)
		code, out, stderr := start("", "-model", model, "-decode", ids)
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, text, strings.TrimPrefix(out, " "), model)
	}
}

func TestErrors(t *testing.T) {
	for args, want := range map[string]int{
		"":                                2,
		"-model m -text x -file y":        2,
		"-model m -decode 1,2":            2,
		"-model m -decode [1.5]":          2,
		"-model m -decode [4294967296]":   2,
		"-model m -decode [1] -text x":    2,
		"-model m -decode [1] -special":   2,
		"-model nowhere.gguf -text x":     1,
		"-model nowhere.gguf -decode [1]": 1,
		"-model m -file nowhere.txt":      1,
	} {
		code, out, stderr := start("", strings.Fields(args)...)
		assert.Equal(t, want, code, args)
		assert.NotEmpty(t, stderr, args)
		assert.Empty(t, out, args)
	}
}
