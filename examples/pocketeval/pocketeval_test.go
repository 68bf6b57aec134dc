package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
)

func TestTable(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, cli.OK, run(t.Context(), []string{"-n", "2", "-lengths", "320"}, nil, &out, &errs), errs.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2+len(tasks(eval.Prose())))
	require.Equal(t, "| right of 2 | 320 |", lines[0])
	require.Contains(t, lines, "| one needle | 2 |")
}

func TestSteps(t *testing.T) {
	s := steps{eval.Prose()}.Sample(3, 10, 0)
	require.Regexp(t, `^\nQuestion: What is the value of VAR [A-Z]{5}\?$`, s.Question)
	require.Regexp(t, `^ VAR [A-Z]{5} = VAR [A-Z]{5} = \d{5}$`, s.Answers[0])
	link := strings.TrimPrefix(s.Cue, " Answer: ") + s.Answers[0][:len(" VAR ABCDE")]
	require.Contains(t, s.Text, link)
	require.Contains(t, s.Text, s.Answers[0][len(" VAR ABCDE = "):], "the chain ends with the variable that has a number")
}

func TestLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "short.txt")
	require.NoError(t, os.WriteFile(path, []byte("One sentence. Another one."), 0o600))
	var out, errs bytes.Buffer
	require.Equal(t, cli.Failure, run(t.Context(), []string{"-n", "1", "-lengths", "320", "-text", path}, nil, &out, &errs))
	require.Contains(t, errs.String(), "-text: got")
}

func TestUsage(t *testing.T) {
	for args, say := range map[string]string{
		"-n 0": "-n", "-lengths 10": "-lengths", "-lengths x": "-lengths", "-threads -1": "-threads", "-policy best": "best", "text": "text",
	} {
		var out, errs bytes.Buffer
		require.Equal(t, cli.WrongUsage, run(t.Context(), strings.Fields(args), nil, &out, &errs), args)
		require.Contains(t, errs.String(), say)
	}
}
