package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/examples/internal/cli"
)

func TestNeedle(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, cli.OK, run(t.Context(), []string{"-words", "600", "-budget", "64"}, nil, &out, &errs), errs.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 9, out.String())
	for i, want := range []string{"right", "right", "right", "right", "wrong"} {
		require.Contains(t, lines[4+i], want, out.String())
	}
}

func TestNeedleUsage(t *testing.T) {
	for _, args := range [][]string{{"-words", "7"}, {"-budget", "1"}, {"-threads", "-1"}, {"text"}, {"-seed", "x"}} {
		var out, errs bytes.Buffer
		require.Equal(t, cli.WrongUsage, run(t.Context(), args, nil, &out, &errs), "%v", args)
		require.NotEmpty(t, errs.String())
	}
}
