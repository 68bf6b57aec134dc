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
	require.Equal(t, cli.OK, run(t.Context(), []string{"-tokens", "600"}, nil, &out, &errs), errs.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	right := 0
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "full"), strings.HasPrefix(line, "SnapKV"), strings.HasPrefix(line, "Ada-KV"):
			require.Contains(t, line, "right", out.String())
			right++
		case strings.HasPrefix(line, "window"):
			require.Contains(t, line, "wrong", out.String())
		}
	}
	require.Equal(t, 5, right, out.String())
}

func TestNeedleUsage(t *testing.T) {
	for _, args := range [][]string{{"-tokens", "7"}, {"-tokens", "100000"}, {"-facts", "0"}, {"-budget", "1"}, {"-threads", "-1"}, {"text"}, {"-seed", "x"}} {
		var out, errs bytes.Buffer
		require.Equal(t, cli.WrongUsage, run(t.Context(), args, nil, &out, &errs), "%v", args)
		require.NotEmpty(t, errs.String())
	}
}
