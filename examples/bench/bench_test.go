package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/cpu"
	"github.com/winnowlm/winnow/internal/refdata"
)

func start(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, nil, &out, &err)
	return code, out.String(), err.String()
}

func TestTable(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	code, out, stderr := start("-model", model, "-p", "16", "-n", "4", "-d", "0,64", "-threads", "1,2", "-r", "2", "-policy", "window", "-budget", "48", "-k", "int8")
	require.Equal(t, 0, code, stderr)
	assert.Empty(t, stderr)
	assert.Contains(t, out, "model stories260K.gguf: 0.26 M parameters, 1015.8 KiB\n")
	assert.Contains(t, out, ": "+cpu.Current.String()+"\n")
	assert.Contains(t, out, "cache k int8, v f16; policy window, budget 48\n")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 4+2+2*2*2)
	for _, line := range lines[4:] {
		assert.Len(t, line, len(lines[4]), "the table is even")
	}
	assert.Regexp(t, `\| pp16 +\| +1 \| +[\d.]+ \| +[\d.]+ to [\d.]+ \| +[\d.]+ KiB \| +[\d.]+ KiB \|`, out)
	assert.Regexp(t, `\| tg4 @ d64 +\| +2 \| +[\d.]+ \|`, out)
}

func TestJSON(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	code, out, stderr := start("-model", model, "-p", "0", "-n", "4", "-d", "64", "-threads", "1", "-r", "3", "-json")
	require.Equal(t, 0, code, stderr)
	var r result
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r))
	require.False(t, d.More())
	assert.Equal(t, "tg4", r.Test)
	assert.Equal(t, 64, r.Depth)
	assert.Equal(t, 1, r.Threads)
	assert.Len(t, r.Samples, 3)
	assert.Contains(t, r.Samples, r.Rate)
	assert.LessOrEqual(t, r.Min, r.Rate)
	assert.LessOrEqual(t, r.Rate, r.Max)
	assert.NotEmpty(t, r.CPU)
	assert.Equal(t, []any{"f16", "f16", "none", 0}, []any{r.K, r.V, r.Policy, r.Budget})
	assert.EqualValues(t, 260032, r.Parameters)
}

func TestTurns(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	var out, stderr bytes.Buffer
	args := []string{"-model", model, "-p", "0", "-n", "4", "-d", "16,32", "-threads", "1", "-r", "2", "-json", "-turns"}
	require.Equal(t, 0, run(context.Background(), args, strings.NewReader("\n\n\n\n"), &out, &stderr), stderr.String())
	assert.Regexp(t, `^ready\nready\n\{.*"depth":16.*\}\nready\nready\n\{.*"depth":32.*\}\n$`, out.String())
	assert.Equal(t, 1, run(context.Background(), args, strings.NewReader("\n"), &out, &stderr))
	assert.Contains(t, stderr.String(), "-turns: want a line for each repeat: EOF")
	for _, other := range []string{"-seqs", "-l"} {
		code, _, stderr := start("-model", model, "-turns", other, "2")
		assert.Equal(t, 2, code)
		assert.Contains(t, stderr, "-turns: got it with -seqs or -l")
	}
}

func TestFirstAndTogether(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	code, out, stderr := start("-model", model, "-p", "0", "-n", "0", "-l", "8", "-threads", "1,2", "-r", "2")
	require.Equal(t, 0, code, stderr)
	assert.Regexp(t, `(?s)\| ld8 +\| +1 \| +[\d.]+ .*\| ld8 +\| +2 \| +[\d.]+ `, out)
	code, out, stderr = start("-model", model, "-n", "4", "-seqs", "3", "-threads", "1,2", "-r", "2")
	require.Equal(t, 0, code, stderr)
	assert.Regexp(t, `(?s)\| tg4x3 +\| +1 \| +[\d.]+ .*\| tg4x3 +\| +2 \| +[\d.]+ `, out)
	assert.NotContains(t, out, "pp")
}

func TestErrors(t *testing.T) {
	for args, want := range map[string]int{
		"":                                   2,
		"-model m -r 0":                      2,
		"-model m -threads 0":                2,
		"-model m -threads 1,2000":           2,
		"-model m -p 0 -n 0":                 2,
		"-model m -d -1":                     2,
		"-model m -seqs -1":                  2,
		"-model m -seqs 2 -n 0":              2,
		"-model m -d 1,,2":                   2,
		"-model m -budget 5":                 2,
		"-model m -policy window -sink 2000": 2,
		"-model nowhere.gguf":                1,
	} {
		code, out, stderr := start(strings.Fields(args)...)
		assert.Equal(t, want, code, args)
		assert.NotEmpty(t, stderr, args)
		assert.Empty(t, out, args)
	}
}
