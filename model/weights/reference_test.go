package weights

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
)

// policy is what this package decides where the hostile files leave it open.
var policy = map[string]bool{
	"kv_arr_of_arr.gguf": true,
	"kv_bool_2.gguf":     false,
	"kv_empty_key.gguf":  false,
	"t_gap.gguf":         true,
	"t_name_64.gguf":     true,
	"t_name_empty.gguf":  false,
	"t_order.gguf":       true,
	"t_overlap.gguf":     false,
}

// TestHostile opens every hostile file in every way. Files whose fault is in
// what the model or tokenizer says (m_, v_, c_) are sound as containers.
func TestHostile(t *testing.T) {
	dir := refdata.Data(t, "hostile")
	text, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	require.NoError(t, err)
	var expect struct {
		Files []struct{ File, Expect, Why string }
	}
	require.NoError(t, json.Unmarshal(text, &expect))
	cases := 0
	for _, c := range expect.Files {
		folder, name := filepath.Split(filepath.FromSlash(c.File))
		kind, _, _ := strings.Cut(name, "_")
		if folder == "tokenizer"+string(filepath.Separator) || strings.HasSuffix(name, ".json") {
			continue
		}
		cases++
		accept := c.Expect == "accept" || c.Expect == "policy" && policy[name] || slices.Contains([]string{"m", "v", "c"}, kind)
		err := everyWay(t, filepath.Join(dir, folder, name), func(t *testing.T, s *Source) { content(t, s) })
		if accept {
			assert.NoError(t, err, "%s: %s", c.File, c.Why)
		} else {
			assert.Error(t, err, "%s: %s", c.File, c.Why)
		}
	}
	require.Greater(t, cases, 150)
}

func TestHostileIndex(t *testing.T) {
	text, err := os.ReadFile(refdata.Data(t, "hostile", "safetensors", "model.safetensors.url.index.json"))
	require.NoError(t, err)
	err = openBoth(t, fstest.MapFS{indexFile: {Data: text}}, ".", func(*Source) {})
	assert.ErrorContains(t, err, "want a file inside the folder")
}

// TestHostileAllocation: opening takes no more memory than a small multiple of
// the file, whatever the file claims.
func TestHostileAllocation(t *testing.T) {
	files := refdata.Glob(t, filepath.Join(refdata.Data(t, "hostile"), "*", "*.*"))
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assertAllocation(t, path, data)
	}
}

func assertAllocation(t *testing.T, name string, data []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := OpenReaderAt(bytes.NewReader(data), int64(len(data)))
	if err == nil {
		for range s.Tensors() {
		}
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16*len(data)+16<<10), name)
}

// TestAllocation does the same with files that make the most of their bytes.
func TestAllocation(t *testing.T) {
	var pairs []KV
	var nested []any
	var tensors []Tensor
	var names []string
	for i := range 10_000 {
		names = append(names, strconv.Itoa(i))
		pairs = append(pairs, KV{names[i], true})
		nested = append(nested, []uint8{})
		tensors = append(tensors, Tensor{Name: names[i], Type: I8, Shape: []int{}, Data: []byte{0}})
	}
	for name, data := range map[string][]byte{
		"pairs":    writeGGUF(t, pairs, nil),
		"nested":   writeGGUF(t, []KV{{"k", nested}}, nil),
		"strings":  writeGGUF(t, []KV{{"k", make([]string, 100_000)}}, nil),
		"long":     writeGGUF(t, []KV{{"k", strings.Repeat("x", 1<<20)}}, nil),
		"tensors":  writeGGUF(t, []KV{{"general.alignment", uint32(1)}}, tensors),
		"shapes":   safetensorsFile(`{"x":{"dtype":"U8","shape":[0`+strings.Repeat(",1", 100_000)+`],"data_offsets":[0,0]}}`, nil),
		"metadata": safetensorsFile(`{"__metadata__":{"`+strings.Join(names, `":"","`)+`":""}}`, nil),
	} {
		assertAllocation(t, name, data)
	}
}

func TestSafetensorsSamples(t *testing.T) {
	for _, path := range refdata.Glob(t, refdata.Data(t, "models", "safetensors-samples", "*.safetensors")) {
		err := everyWay(t, path, func(t *testing.T, s *Source) {
			_, tensors := content(t, s)
			assert.NotEmpty(t, tensors, path)
		})
		assert.NoError(t, err)
	}
}

func TestVocabularies(t *testing.T) {
	for _, path := range refdata.Glob(t, refdata.Data(t, "tokenizers", "gguf-vocab", "*.gguf")) {
		s, err := Open(path)
		require.NoError(t, err)
		tokens, ok := s.Meta["tokenizer.ggml.tokens"].([]string)
		assert.True(t, ok)
		assert.Greater(t, len(tokens), 30_000, path)
		assert.Zero(t, s.Bytes())
		require.NoError(t, s.Close())
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assertAllocation(t, path, data)
	}
}

// TestStories: the two conversions of one model are the same tensors, but for
// the order of the rows of q and k, which GGUF's llama rotates in pairs.
func TestStories(t *testing.T) {
	g, err := Open(refdata.Data(t, "models", "stories260K.gguf"))
	require.NoError(t, err)
	defer g.Close()
	h, err := Open(refdata.Data(t, "models", "stories260K-hf"))
	require.NoError(t, err)
	defer h.Close()
	assert.Equal(t, "llama", g.Meta["general.architecture"])
	assert.Contains(t, string(h.Config), "LlamaForCausalLM")
	require.Len(t, h.Infos(), len(g.Infos()))
	assert.Equal(t, g.Bytes(), h.Bytes())
	const headDim = 8
	for want, err := range g.Tensors() {
		require.NoError(t, err)
		have, err := h.Tensor(want.Name)
		require.NoError(t, err)
		require.Equal(t, want.Shape, have.Shape, want.Name)
		require.Equal(t, F32, want.Type)
		require.Equal(t, F32, have.Type)
		data := have.Data
		if strings.Contains(want.Name, "attn_q.") || strings.Contains(want.Name, "attn_k.") {
			assert.NotEqual(t, want.Data, data, want.Name)
			data = interleave(data, 4*have.Shape[1], headDim)
		}
		assert.True(t, bytes.Equal(want.Data, data), want.Name)
	}
}

// interleave brings the rows of each head from halves to pairs: row i of the
// first half stands beside row i of the second.
func interleave(data []byte, rowBytes, headDim int) []byte {
	var out []byte
	for head := 0; head < len(data); head += headDim * rowBytes {
		for i := range headDim {
			from := head + (i/2+i%2*headDim/2)*rowBytes
			out = append(out, data[from:from+rowBytes]...)
		}
	}
	return out
}

// TestRewrite writes the reference model again and reads the same.
func TestRewrite(t *testing.T) {
	s, err := Open(refdata.Data(t, "models", "stories260K.gguf"))
	require.NoError(t, err)
	defer s.Close()
	meta, tensors := content(t, s)
	var pairs []KV
	for k, v := range meta {
		pairs = append(pairs, KV{k, v})
	}
	data := writeGGUF(t, pairs, tensors)
	again, err := OpenReaderAt(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	meta2, tensors2 := content(t, again)
	assert.Equal(t, meta, meta2)
	assert.Equal(t, tensors, tensors2)
	assert.Equal(t, s.Bytes(), again.Bytes())
}
