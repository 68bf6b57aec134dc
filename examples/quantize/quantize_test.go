package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// files writes a tiny model and texts, and returns their folder.
func files(t *testing.T) string {
	dir := t.TempDir()
	file, err := testmodel.GGUF(testmodel.Tiny(2), quant.F32, 1)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "in.gguf"), file, 0o600))
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"a.txt", "b.txt"} {
		text := make([]byte, 400)
		for i := range text {
			text[i] = byte('a' + rng.IntN(26))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return dir
}

func call(ctx context.Context, dir string, args ...string) (status int, stdout, stderr string) {
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "@", dir+string(filepath.Separator))
	}
	var out, errs bytes.Buffer
	status = run(ctx, args, nil, &out, &errs)
	return status, out.String(), errs.String()
}

// A model is calibrated, written, corrected, judged, and loads.
func TestQuantize(t *testing.T) {
	dir := files(t)
	status, stdout, stderr := call(t.Context(), dir, "-model", "@in.gguf", "-o", "@out.gguf", "-type", "q4_0", "-tensor", "blk.*.ffn_*=q8_0",
		"-method", "gptq", "-calibrate", "@a.txt", "-sequence", "100", "-lorc-rank", "4", "-checkpoint", "@state", "-test", "@b.txt", "-test", "@a.txt", "-window", "200", "-against", "@in.gguf", "-json")
	require.Zero(t, status, stderr)
	var r report
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Len(t, r.Matrices, 22)
	require.Less(t, r.After, r.Before)
	require.Greater(t, r.Perplexity[0].Tokens, 350)
	require.InEpsilon(t, r.Perplexity[0].Before, r.Perplexity[0].After, 0.1)
	require.Len(t, r.Perplexity, 3, "each, and all")
	require.Equal(t, r.Perplexity[0].Tokens+r.Perplexity[1].Tokens, r.Perplexity[2].Tokens)
	for _, p := range r.Perplexity {
		require.Positive(t, p.Divergence)
		require.Equal(t, p.Change, *p.Against, "the model that was read")
	}
	for _, m := range r.Matrices[1:] {
		require.Less(t, m.Corrected, m.Rounded, m.Name)
	}
	src, err := weights.Open(filepath.Join(dir, "out.gguf"))
	require.NoError(t, err)
	for name, want := range map[string]weights.Type{"token_embd.weight": weights.Q8_0, "blk.0.attn_q.weight": weights.Q4_0, "blk.2.ffn_up.weight": weights.Q8_0} {
		info, _ := src.Info(name)
		require.Equal(t, want, info.Type, name)
	}
	require.NoError(t, src.Close())
	m, err := winnow.Load(filepath.Join(dir, "out.gguf"), winnow.Options{Adapter: filepath.Join(dir, "out.lorc.gguf")})
	require.NoError(t, err)
	require.NoError(t, m.Close())
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, names, 5, "no checkpoint and no half file is left")

	status, stdout, stderr = call(t.Context(), dir, "-model", "@in.gguf", "-o", "@k.gguf", "-type", "q4_k")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "q5_0", "rows of 64 hold no block of q4_k")
}

func TestInterrupted(t *testing.T) {
	dir := files(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	status, _, _ := call(ctx, dir, "-model", "@in.gguf", "-o", "@out.gguf", "-type", "q8_0")
	require.Equal(t, 130, status)
	err := write(ctx, filepath.Join(dir, "half"), func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<21))
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, names, 3)
	names, err = filepath.Glob(filepath.Join(dir, ".half*"))
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestMistakes(t *testing.T) {
	dir := files(t)
	for reason, args := range map[string][]string{
		"want a model":                           {"-o", "@x.gguf"},
		"want an output":                         {"-model", "@in.gguf"},
		`type: got "int8", want one of f32`:      {"-model", "@in.gguf", "-o", "@x.gguf", "-type", "int8"},
		"want text to calibrate on":              {"-model", "@in.gguf", "-o", "@x.gguf", "-method", "gptq"},
		`-method: got "best"`:                    {"-model", "@in.gguf", "-o", "@x.gguf", "-method", "best"},
		"-checkpoint does nothing without":       {"-model", "@in.gguf", "-o", "@x.gguf", "-checkpoint", "@c"},
		`-tensor: got "blk"`:                     {"-model", "@in.gguf", "-o", "@x.gguf", "-tensor", "blk"},
		`pattern "head.*" is the first to match`: {"-model", "@in.gguf", "-o", "@x.gguf", "-tensor", "head.*=q8_0", "-type", "q8_0"},
	} {
		status, _, stderr := call(t.Context(), dir, args...)
		require.Equal(t, 2, status, reason)
		require.Contains(t, stderr, reason)
	}
	status, _, stderr := call(t.Context(), dir, "-model", "@none.gguf", "-o", "@x.gguf")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "none.gguf")
	status, stdout, _ := call(t.Context(), dir, "-h")
	require.Zero(t, status)
	require.Contains(t, stdout, "-lorc-rank")
}
