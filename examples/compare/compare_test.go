package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/quant"
)

func model(t *testing.T) string {
	file, err := testmodel.GGUF(testmodel.Tiny(4), quant.Q8_0, 1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "model.gguf")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	return path
}

// quick are flags for a study that takes a second, of a model with random
// weights, whose tokens are bytes.
var quick = []string{"-length", "900", "-n", "2", "-answer", "2", "-policies", "window,snapkv,recycled", "-keep", "6,50", "-tasks", "niah_single_1,niah_single_2"}

func TestCompare(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "new")
	var out, errs bytes.Buffer
	require.Equal(t, cli.OK, run(t.Context(), append(quick, "-model", model(t), "-out", dir), nil, &out, &errs), errs.String())
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(data)
	}
	report := read("report.md")
	require.Contains(t, report, "\n| policy | 50 % | 6 % |\n|---|---:|---:|\n| window | ")
	require.Contains(t, report, "- snapkv: ")
	require.NotContains(t, report, "Interrupted")
	require.NotContains(t, report, " |  |", "every field is filled")
	require.Contains(t, report, strings.TrimSpace(strings.Split(out.String(), "\n\n")[1]))

	rows, err := csv.NewReader(strings.NewReader(read("scores.csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+2*2*(1+3*2), "positions, tasks, the full cache and policies at two shares")
	for _, row := range rows[1:] {
		require.Equal(t, "2", row[4], "samples")
	}
	var numbers struct {
		Losses  []lossRecord
		Needles map[string][]eval.Cell
		Scores  []record
	}
	require.NoError(t, json.Unmarshal([]byte(read("report.json")), &numbers))
	require.Len(t, numbers.Losses, 6)
	require.Len(t, numbers.Scores, len(rows)-1)
	require.Len(t, numbers.Needles, 4)
	for _, l := range numbers.Losses {
		require.Positive(t, l.KL, l.Policy)
		require.Positive(t, l.Cost.Bytes)
	}
	for _, file := range []string{"quality.svg", "needles.svg", "kept.svg"} {
		checkSVG(t, read(file))
	}
}

func checkSVG(t *testing.T, text string) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	for _, bad := range []string{"NaN", "Inf", "%!"} {
		require.NotContains(t, text, bad)
	}
}

// A policy's line goes through its own scores, at 100 % too, where it need not
// have the full cache's; that has a line of its own.
func TestQualityPicture(t *testing.T) {
	st := &study{o: options{policies: []string{"tova"}, keep: []float64{1, 0.5}, positions: []eval.Position{eval.After}}}
	for c, score := range map[config]float64{{full, 1}: 1, {"tova", 1}: 0.5, {"tova", 0.5}: 0} {
		st.cells = append(st.cells, &cell{config: c, position: eval.After, results: []*eval.Result{{Score: score}}})
	}
	picture := st.qualityPicture()
	checkSVG(t, picture)
	require.Contains(t, picture, `points="424,205 68,370 "`, "half way up at 100 %, at the bottom at 50 %")
	require.Contains(t, picture, `<line x1="56" y1="40" x2="436" y2="40" stroke="`+ink+`" stroke-width="1"/>`)
}

// An interruption leaves a report of what is known.
func TestInterrupted(t *testing.T) {
	o, err := parse(append(quick, "-model", model(t), "-out", t.TempDir(), "-parallel", "1"), io.Discard)
	require.NoError(t, err)
	m, err := o.open()
	require.NoError(t, err)
	defer m.Close()
	st, err := newStudy(o, m)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	err = st.run(ctx, func(done, _ int) {
		if done == 9 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, st.write())
	report, err := os.ReadFile(filepath.Join(o.out, "report.md"))
	require.NoError(t, err)
	require.Regexp(t, `\nInterrupted: \d+ of \d+ parts were done\.\n`, string(report))
	var numbers struct{ Scores []record }
	data, err := os.ReadFile(filepath.Join(o.out, "report.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &numbers))
	require.GreaterOrEqual(t, len(numbers.Scores), 5)
	require.Less(t, len(numbers.Scores), 20)
}

func TestUsage(t *testing.T) {
	for args, say := range map[string]string{
		"-model x -n 0":                       "-n: got 0",
		"-model x -length 9":                  "-length: got 9",
		"-model x -keep 0":                    `"0" is no percent`,
		"-model x -keep 50,x":                 `"x" is no percent`,
		"-model x -picture 101":               "-picture: got 101",
		"-model x -policies best":             `-policies: got "best"`,
		"-model x -policies tova,tova":        "twice",
		"-model x -policies window -keep 0.1": "-sink",
		"-model x -tasks qa":                  "-tasks",
		"-model x -question where":            "-question",
		"-model x -k f12":                     "-k",
		"-model x -v f12":                     "-v",
		"-model x more":                       `"more"`,
	} {
		var out, errs bytes.Buffer
		require.Equal(t, cli.WrongUsage, run(t.Context(), strings.Fields(args), nil, &out, &errs), args)
		require.Contains(t, errs.String(), say)
	}
	for args, say := range map[string]string{"-model nowhere": "nowhere", "-model x -haystack nowhere": "nowhere"} {
		var out, errs bytes.Buffer
		require.Equal(t, cli.Failure, run(t.Context(), strings.Fields(args), nil, &out, &errs), args)
		require.Contains(t, errs.String(), say)
	}
	var out, errs bytes.Buffer
	require.Equal(t, cli.Failure, run(t.Context(), []string{"-model", model(t), "-length", "100", "-out", t.TempDir()}, nil, &out, &errs))
	require.Contains(t, errs.String(), "niah_single_2: eval: got room for 100 tokens")
}
