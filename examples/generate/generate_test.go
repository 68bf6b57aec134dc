package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
)

const prompt = "Once upon a time"

// stories returns the path of a model, what it writes greedily, prompt
// included, and the number of tokens of that.
func stories(t *testing.T) (path, text string, tokens int) {
	data, err := os.ReadFile(refdata.Data(t, "models", "stories260K.expected.json"))
	require.NoError(t, err)
	var expected struct {
		Prompt, Text string
		Tokens       []int32
	}
	require.NoError(t, json.Unmarshal(data, &expected))
	require.Equal(t, prompt, expected.Prompt)
	// The tokens are those that were read: the text has one more, and the end of
	// line of the program that printed it.
	return refdata.Data(t, "models", "stories260K.gguf"), strings.TrimSuffix(expected.Text, "\n"), len(expected.Tokens) + 1
}

func start(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

func object(t *testing.T, args ...string) map[string]any {
	code, out, stderr := start("", append(args, "-json", "-prompt", prompt)...)
	require.Equal(t, 0, code, stderr)
	assert.Empty(t, stderr)
	var r map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	return r
}

func TestText(t *testing.T) {
	model, text, tokens := stories(t)
	const promptTokens = 5 // BOS and four
	file := filepath.Join(t.TempDir(), "prompt.txt")
	require.NoError(t, os.WriteFile(file, []byte(prompt), 0o600))
	flags := []string{"-model", model, "-k", "f32", "-v", "f32", "-threads", "1"}
	for _, from := range [][]string{{"-file", file}, nil} {
		code, out, stderr := start(prompt, append(flags, append(from, "-n", "10")...)...)
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, ", there was a little girl named Lily", out)
	}
	require.Equal(t, 252, tokens-promptTokens)
	code, out, stderr := start("", append(flags, "-prompt", prompt, "-n", "252")...)
	require.Equal(t, 0, code, stderr)
	assert.Equal(t, text, prompt+out)
	assert.Regexp(t, `prompt +5 +[\d.]+`, stderr)
	assert.Regexp(t, `generated +252 +[\d.]+ +first after [\d.]+ s`, stderr)
	assert.Regexp(t, `cache +[\d.]+ KiB now, [\d.]+ KiB at peak; all of it in f16: 160.0 KiB`, stderr)
	assert.NotContains(t, stderr, "\r")
	assert.NotContains(t, stderr, "\x1b")
}

func TestJSON(t *testing.T) {
	model, text, _ := stories(t)
	r := object(t, "-model", model, "-n", "20")
	var names []string
	for name := range r {
		names = append(names, name)
	}
	assert.ElementsMatch(t, []string{"text", "tokens", "prompt_tokens", "prefill_tok_s", "decode_tok_s", "ttft_s",
		"kv_bytes", "kv_peak_bytes", "kv_bytes_full_f16"}, names)
	assert.NotEmpty(t, r["text"])
	assert.True(t, strings.HasPrefix(text, prompt+r["text"].(string)))
	assert.EqualValues(t, 20, r["tokens"])
	assert.EqualValues(t, 5, r["prompt_tokens"])
	for _, name := range []string{"prefill_tok_s", "decode_tok_s", "ttft_s"} {
		assert.Positive(t, r[name], name)
	}
	// 24 rows are in the cache: 5 of the prompt, 19 of the text, the last
	// token having been read by nobody.
	assert.EqualValues(t, 24*5*4*8*2*2, r["kv_bytes_full_f16"])
	assert.GreaterOrEqual(t, r["kv_peak_bytes"], r["kv_bytes"])
}

// A policy leaves a small part of a prompt, at most the blocks that its rows
// are in.
func TestPolicies(t *testing.T) {
	model, _, _ := stories(t)
	long := strings.Repeat(prompt, 100)
	for _, flags := range []string{
		"-policy window -budget 64",
		"-policy window -budget 64 -sink 0 -k int8 -v int8",
		"-policy snapkv -budget 16 -observe 4",
	} {
		code, out, stderr := start(long, append([]string{"-model", model, "-n", "3", "-json"}, strings.Fields(flags)...)...)
		require.Equal(t, 0, code, stderr)
		var r report
		require.NoError(t, json.Unmarshal([]byte(out), &r))
		assert.Greater(t, r.PromptTokens, 300)
		assert.Equal(t, 3, r.Tokens)
		assert.Less(t, r.CacheBytes, r.CachePeak, flags)
		assert.Less(t, 2*r.CacheBytes, r.CacheFull, flags)
	}
}

func TestSampling(t *testing.T) {
	model, greedy, _ := stories(t)
	sample := func(seed, threads string) any {
		return object(t, "-model", model, "-n", "40", "-temp", "1.2", "-top-k", "100", "-top-p", "0.95", "-min-p", "0.01", "-seed", seed, "-threads", threads)["text"]
	}
	one := sample("7", "1")
	assert.Equal(t, one, sample("7", "2"))
	assert.NotEqual(t, one, sample("8", "1"))
	assert.False(t, strings.HasPrefix(greedy, prompt+one.(string)))
}

func TestStop(t *testing.T) {
	model, text, _ := stories(t)
	r := object(t, "-model", model, "-n", "0", "-stop", "nobody says this", "-stop", " Lily")
	want, _, found := strings.Cut(text, " Lily")
	require.True(t, found)
	assert.Equal(t, want, prompt+r["text"].(string))
}

// interrupter is interrupted while it is written to.
type interrupter struct {
	text   bytes.Buffer
	writes int
	cancel func()
}

func (w *interrupter) Write(p []byte) (int, error) {
	if w.writes++; w.writes == 10 {
		w.cancel()
	}
	return w.text.Write(p)
}

func TestInterrupted(t *testing.T) {
	model, text, _ := stories(t)
	ctx, cancel := context.WithCancel(context.Background())
	out, stderr := &interrupter{cancel: cancel}, &bytes.Buffer{}
	code := run(ctx, []string{"-model", model, "-prompt", prompt}, nil, out, stderr)
	assert.Equal(t, 130, code)
	assert.Equal(t, 10, out.writes)
	assert.True(t, strings.HasPrefix(text, prompt+out.text.String()), "%q", out.text.String())
	assert.Regexp(t, `generated +10 `, stderr.String())
}

// Without a model it is the one in the program that answers.
func TestOwnModel(t *testing.T) {
	code, out, stderr := start("", "-prompt", "The secret code of Anna is 70315. The secret code of Tom is 42688.\n"+
		"Question: What is the secret code of Anna? Answer:", "-n", "6")
	require.Equal(t, 0, code, stderr)
	assert.Equal(t, " 70315", out)
	code, _, stderr = start("", "-context", "8", "-prompt", strings.Repeat(prompt, 8))
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "context is full")
}

func TestWrongUsage(t *testing.T) {
	for args, say := range map[string]string{
		"-prompt x -file y": "-prompt and -file",
		"-n -1":             "-n",
		"-threads -1":       "-threads",
		"-threads 100000":   "-threads",
		"-context -1":       "-context",
		"-temp -1":          "Temperature",
		"-temp NaN":         "Temperature",
		"-temp 1 -top-p 2":  "TopP",
		"-temp 1 -top-k -1": "TopK",
		"-temp 1 -min-p x":  "min-p",
		"-top-p 0.9":        "-top-p does nothing without -temp",
		"-budget 64":        "-budget does nothing",
		"-policy best":      "want one of none, window",
		"-k q9":             "q9",
		"-seed -1":          "seed",
		"-nonsense":         "nonsense",
		"what":              "what",
	} {
		code, out, stderr := start("", append([]string{"-model", "nowhere.gguf"}, strings.Fields(args)...)...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, stderr, say, args)
		assert.Empty(t, out, args)
	}
}

func TestFailure(t *testing.T) {
	code, out, stderr := start("", "-model", filepath.Join(t.TempDir(), "nowhere.gguf"))
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "nowhere.gguf")
	assert.Empty(t, out)
	code, out, stderr = start("", "-model", refdata.Data(t, "models", "stories260K-hf"), "-prompt", prompt)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "tokenizer")
	assert.Empty(t, out)
}

func TestContextFull(t *testing.T) {
	model, text, _ := stories(t)
	code, out, stderr := start("", "-model", model, "-prompt", prompt, "-n", "0", "-context", "32")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "context is full")
	assert.Regexp(t, `generated +28 `, stderr, "27 were read, and the last")
	assert.True(t, strings.HasPrefix(text, prompt+out), "%q", out)
	code, out, stderr = start("", "-model", model, "-prompt", prompt, "-context", "3", "-json")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "context is full")
	assert.Empty(t, out)
}
