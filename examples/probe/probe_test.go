package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
)

func start(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, nil, &out, &err)
	return code, out.String(), err.String()
}

// answer decodes the one line that a verb prints.
func answer(t *testing.T, v any, args ...string) {
	code, out, stderr := start(args...)
	require.Equal(t, 0, code, stderr)
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(v))
	require.False(t, d.More())
}

func TestTokenize(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	for args, want := range map[string]string{
		"-p Once --ids":              "1 403\n",
		"-p Once --ids --no-special": "403\n",
		"-p Once</s> --ids":          "1 403 2\n",
		"--tokens 5,6 --ids":         "5 6\n",
		"-p Hiö":                     `{"ids":[1,320,417,198,185],"pieces":["<s>"," H","i","\\xc3","\\xb6"]}` + "\n",
	} {
		code, out, stderr := start(append([]string{"tokenize", model}, strings.Fields(args)...)...)
		require.Equal(t, 0, code, stderr)
		assert.Equal(t, want, out, args)
	}
	file := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(file, []byte("Once"), 0o600))
	_, out, _ := start("tokenize", model, "-f", file, "--ids")
	assert.Equal(t, "1 403\n", out)
}

// Without a tokenizer there are ids alone.
func TestNoTokenizer(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K-hf")
	var r struct {
		Prompt_ids, IDs []int32
		Gap             []float64
		Text            string
	}
	answer(t, &r, "greedy", model, "--tokens", "1,403,407", "-n", "2")
	assert.Equal(t, []int32{261, 378}, r.IDs)
	assert.Empty(t, r.Text)
	for _, verb := range []string{"greedy", "logits", "tokenize"} {
		code, _, stderr := start(verb, model, "-p", "Once")
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "tokenizer")
	}
}

// The reference's logits are float32 throughout.
func TestLogits(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	want, err := os.ReadFile(refdata.Data(t, "models", "stories260K.logits.f32"))
	require.NoError(t, err)
	const rows, vocab = 4, 512
	for _, all := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "logits")
		args := []string{"logits", model, "--tokens", "1,403,407,261", "-o", file, "--kv", "f32", "--threads", "1"}
		first, n := rows-1, 1
		if all {
			args, first, n = append(args, "--all"), 0, rows
		}
		var r struct {
			IDs     []int32
			N_vocab int
			Rows    int
			Top     [][2]float64
		}
		answer(t, &r, args...)
		assert.Equal(t, []int32{1, 403, 407, 261}, r.IDs)
		assert.Equal(t, vocab, r.N_vocab)
		assert.Equal(t, n, r.Rows)
		require.Len(t, r.Top, 5)
		assert.EqualValues(t, 378, r.Top[0][0], "the text goes on with token 378")
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Len(t, got, 4*n*vocab)
		for j := range n * vocab {
			assert.InDelta(t, float(want, first*vocab+j), float(got, j), 1e-4)
		}
	}
}

func float(data []byte, j int) float64 {
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*j:])))
}

func TestGreedy(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	data, err := os.ReadFile(refdata.Data(t, "models", "stories260K.expected.json"))
	require.NoError(t, err)
	var expected struct{ Tokens []int32 }
	require.NoError(t, json.Unmarshal(data, &expected))
	var r struct {
		Prompt_ids, IDs []int32
		Gap             []float64
		Text            string
	}
	answer(t, &r, "greedy", model, "-p", "Once upon a time", "-n", "32")
	assert.Equal(t, expected.Tokens[:5], r.Prompt_ids)
	assert.Equal(t, expected.Tokens[5:37], r.IDs)
	assert.Equal(t, ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw", r.Text)
	require.Len(t, r.Gap, 32)
	for _, gap := range r.Gap {
		assert.Positive(t, gap)
	}
}

func TestBench(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	code, out, stderr := start("bench", model, "--pp", "8,16", "--tg", "4", "--depth", "0,64", "--threads", "1,2", "--kv", "f16,int8", "--reps", "1")
	require.Equal(t, 0, code, stderr)
	type key struct {
		Model, Test, KV string
		Depth, Threads  int
	}
	seen := map[key]bool{}
	for _, text := range strings.Split(strings.TrimSpace(out), "\n") {
		var l line
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		assert.Positive(t, l.Rate)
		assert.Positive(t, l.Bytes)
		seen[key{l.Model, l.Test, l.KV, l.Depth, l.Threads}] = true
	}
	assert.Len(t, seen, 3*2*2*2)
	assert.True(t, seen[key{"stories260K.gguf", "pp16", "int8", 64, 2}])
	assert.True(t, seen[key{"stories260K.gguf", "tg4", "f16", 0, 1}])
}

func TestErrors(t *testing.T) {
	for args, want := range map[string]int{
		"":                                   2,
		"bench":                              2,
		"perplexity m":                       2,
		"tokenize m x":                       2,
		"tokenize m --tokens 1,x":            2,
		"logits m --kv q9":                   2,
		"logits m --threads -1":              2,
		"greedy m -n 0":                      2,
		"bench m --reps 0":                   2,
		"bench m --threads 0":                2,
		"bench m --kv f16,":                  2,
		"bench nowhere.gguf":                 1,
		"tokenize nowhere.gguf":              1,
		"logits nowhere.gguf --tokens 1,2,3": 1,
		"greedy nowhere.gguf --tokens 1,2,3": 1,
	} {
		code, out, stderr := start(strings.Fields(args)...)
		assert.Equal(t, want, code, args)
		assert.NotEmpty(t, stderr, args)
		assert.Empty(t, out, args)
	}
	model := refdata.Data(t, "models", "stories260K.gguf")
	code, _, stderr := start("greedy", model, "--tokens", "1,512")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "512")
}

func TestEscape(t *testing.T) {
	assert.Equal(t, `ö�\xc3`, escape("ö\uFFFD\xc3"))
}
