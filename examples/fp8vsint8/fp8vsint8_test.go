package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/pocket"
	"github.com/winnowlm/winnow/quant"
)

// The published ratios for one scale over Gaussian values: INT8's fall with the
// largest value, E4M3's are flat.
func TestDistributions(t *testing.T) {
	for _, d := range distributions {
		s := d.sampled()
		switch d.name {
		case "uniform":
			require.InDelta(t, 48.1, s[0][0].dB(), 0.5)
			require.InDelta(t, 32.2, s[0][1].dB(), 0.5)
		case "Gaussian":
			require.InDelta(t, 39.8, s[0][0].dB(), 1)
			require.InDelta(t, 31.5, s[0][1].dB(), 0.5)
			require.InDelta(t, 45.5, s[2][0].dB(), 0.5)
		case "Student, 3 degrees":
			require.Less(t, s[0][0].dB(), s[0][1].dB(), "one scale and a heavy tail: E4M3")
			require.Greater(t, s[2][0].dB(), s[2][1].dB(), "a scale for 32: INT8")
		}
	}
}

func TestCompare(t *testing.T) {
	dir := t.TempDir()
	file, err := testmodel.GGUF(testmodel.Tiny(2), quant.F32, 1)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m.gguf"), file, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "t.txt"), []byte(strings.Repeat("the thing that thinks ", 8)), 0o600))
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"-model", filepath.Join(dir, "m.gguf"), "-text", filepath.Join(dir, "t.txt"), "-out", dir, "-tokens", "130", "-n", "0"}, nil, &stdout, &stderr)
	require.Zero(t, status, stderr.String())
	text, err := os.ReadFile(filepath.Join(dir, "fp8-vs-int8.md"))
	require.NoError(t, err)
	for _, row := range []string{"| uniform | 48.", "| weights of the layers |", "| input of ffn_down |", "| keys, rotated |", "| values | fp8-e5m2-32 |", "| weights and activations | int8, int8 |", "| 25 %, by SnapKV | KIVI, 4 bits |", "\nOf 12, "} {
		require.Contains(t, string(text), row)
	}
	for _, name := range []string{"fp8-vs-int8-sqnr.svg", "fp8-vs-int8-loss.svg"} {
		picture, err := os.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		for d := xml.NewDecoder(picture); err == nil; {
			_, err = d.Token()
		}
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, picture.Close())
	}
	require.Equal(t, 2, run(t.Context(), []string{"-out", dir}, nil, &stdout, &stderr))
	require.Contains(t, stderr.String(), "want a model")
}

// Each fact of a text is asked for once, and the text holds the answer.
func TestQuestions(t *testing.T) {
	m, err := pocket.Open(winnow.Options{Threads: 1})
	require.NoError(t, err)
	defer m.Close()
	samples, err := questions(m.Tokenizer(), 11, 600)
	require.NoError(t, err)
	require.Len(t, samples, 11)
	asked := map[string]bool{}
	for i, s := range samples {
		require.Equal(t, i < 8, s.Text == samples[0].Text)
		require.Contains(t, s.Text, s.Answers[0])
		require.NotContains(t, s.Question+s.Cue, "{")
		asked[s.Question] = true
	}
	require.Len(t, asked, 11)
}
