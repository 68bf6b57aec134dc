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
	"github.com/winnowlm/winnow/model/weights"
)

func start(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, nil, &out, &err)
	return code, out.String(), err.String()
}

func TestInspect(t *testing.T) {
	model := refdata.Data(t, "models", "stories260K.gguf")
	code, out, stderr := start("-model", model, "-budget", "64")
	require.Equal(t, 0, code, stderr)
	assert.Empty(t, stderr)
	for _, want := range []string{
		`architecture +"llama"`, `parameters +260032 in 1015.8 KiB`, `context +512`, `layers +5 of 64 channels, feed-forward 172`,
		`heads +8, KV heads 4, each of 8`, `vocabulary +512`, `f32 +47 +260032 +1015.8 KiB\n`,
		`tokenizer +llama, no pre-tokenizer, 512 tokens`, `BOS, EOS +1 "<s>", 2 "</s>"`, `chat template +none`,
		`512 +all +f16/f16 `, `512 +64 +f16/f16 `,
	} {
		assert.Regexp(t, want, out)
	}
	code, out, _ = start("-model", model, "-json", "-context", "128", "-k", "int8")
	require.Equal(t, 0, code)
	var r report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.NotNil(t, r.Config)
	assert.Equal(t, 5, r.Config.NumLayers)
	assert.EqualValues(t, 260032, r.Parameters)
	require.Len(t, r.Memory, 1, "a budget of 1024 leaves all of 128 tokens")
	m := r.Memory[0]
	// A row of the cache is a scale and 8 codes, 8 halves, and its position.
	assert.EqualValues(t, 128*5*4*(12+16+4), m.Cache)
	assert.Equal(t, m.Weights+m.CachePeak+m.Scratch, m.Total)
}

func TestFolder(t *testing.T) {
	code, out, stderr := start("-model", refdata.Data(t, "models", "stories260K-hf"))
	assert.Regexp(t, `stories260K-hf, safetensors`, out)
	assert.Regexp(t, `architecture +"llama"`, out)
	assert.Regexp(t, `f32 +47 +260032`, out)
	assert.Regexp(t, `tokenizer +none`, out)
	assert.Equal(t, 0, code, stderr)
}

// A sound file of which the library cannot compute a tensor is described, and
// the tensor and its type named.
func TestUnsupported(t *testing.T) {
	src, err := weights.Open(refdata.Data(t, "models", "stories260K.gguf"))
	require.NoError(t, err)
	defer src.Close()
	var meta []weights.KV
	for key, value := range src.Meta {
		meta = append(meta, weights.KV{Key: key, Value: value})
	}
	var tensors []weights.Tensor
	for tensor, err := range src.Tensors() {
		require.NoError(t, err)
		if tensor.Name == "blk.3.ffn_norm.weight" {
			tensor.Type, tensor.Data = weights.I32, make([]byte, len(tensor.Data))
		}
		tensors = append(tensors, tensor)
	}
	path := filepath.Join(t.TempDir(), "odd.gguf")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, weights.WriteGGUF(f, meta, tensors))
	require.NoError(t, f.Close())
	code, out, stderr := start("-model", path)
	assert.Equal(t, 1, code)
	assert.Regexp(t, `i32 +1 +64 +256 B   unsupported`, out)
	assert.Regexp(t, `context +512`, out)
	assert.Contains(t, stderr, "blk.3.ffn_norm.weight")
	assert.Contains(t, stderr, "i32")
}

// Every file of the collection of bad ones gets the exit status that the
// collection wants.
func TestHostile(t *testing.T) {
	data, err := os.ReadFile(refdata.Data(t, "hostile", "expect.json"))
	require.NoError(t, err)
	var expect struct {
		Files []struct{ File, Expect, Why string }
	}
	require.NoError(t, json.Unmarshal(data, &expect))
	seen := 0
	for _, f := range expect.Files {
		if !strings.HasPrefix(f.File, "gguf/") && !strings.HasPrefix(f.File, "safetensors/") {
			continue
		}
		seen++
		code, _, stderr := start("-model", refdata.Data(t, "hostile", f.File))
		switch f.Expect {
		case "accept":
			assert.Equal(t, 0, code, "%s: %s: %s", f.File, f.Why, stderr)
		case "reject":
			assert.Equal(t, 1, code, "%s: %s", f.File, f.Why)
		default:
			assert.Contains(t, []int{0, 1}, code, f.File)
		}
		assert.Equal(t, code == 1, stderr != "", "%s: %s", f.File, stderr)
	}
	assert.NotZero(t, seen)
}

// What a file says reaches the terminal quoted.
func TestQuoted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "escape.gguf")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, weights.WriteGGUF(f, []weights.KV{{Key: "general.name", Value: "\x1b[2J"}}, nil))
	require.NoError(t, f.Close())
	code, out, stderr := start("-model", path)
	assert.Equal(t, 0, code, stderr)
	assert.NotContains(t, out, "\x1b")
	assert.Contains(t, out, `"\x1b[2J"`)
	assert.Regexp(t, `model +none`, out)
}

func TestWrongUsage(t *testing.T) {
	for _, args := range []string{"", "-model m -context -1", "-model m -budget 0", "-model m -k q9", "-model m -v q9", "-model m x", "-x"} {
		code, out, stderr := start(strings.Fields(args)...)
		assert.Equal(t, 2, code, args)
		assert.NotEmpty(t, stderr, args)
		assert.Empty(t, out, args)
	}
	code, out, stderr := start("-model", "nowhere.gguf")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "nowhere.gguf")
	assert.Empty(t, out)
}
