package main

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/tokenizer"
)

// byteTokenizer is a tokenizer.json with a token for each byte and two merges.
func byteTokenizer(t *testing.T) []byte {
	vocab, next := map[string]int{}, rune(256)
	for b := range 256 {
		c := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			c, next = next, next+1
		}
		vocab[string(c)] = b
	}
	vocab["th"], vocab["the"] = 256, 257
	data, err := json.Marshal(map[string]any{
		"added_tokens":  []any{},
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{"t h", "th e"}},
	})
	require.NoError(t, err)
	return data
}

// foldersOf returns a folder with the reference model, and one with the same in
// FP8, one scale for a matrix.
func foldersOf(t *testing.T) (plain, fp8 string) {
	plain, fp8 = t.TempDir(), t.TempDir()
	file := refdata.Data(t, "models", "stories260K-hf", "model.safetensors")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	config, err := os.ReadFile(refdata.Data(t, "models", "stories260K-hf", "config.json"))
	require.NoError(t, err)
	for dir, data := range map[string][]byte{plain: whole, fp8: inFP8(t, whole)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "model.safetensors"), data, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), byteTokenizer(t), 0o600))
	}
	return plain, fp8
}

// inFP8 codes the projections of a safetensors file of float32.
func inFP8(t *testing.T, file []byte) []byte {
	size := binary.LittleEndian.Uint64(file)
	var tensors map[string]*struct {
		Type  string   `json:"dtype"`
		Shape []int    `json:"shape"`
		At    [2]int64 `json:"data_offsets"`
	}
	require.NoError(t, json.Unmarshal(file[8:8+size], &tensors))
	delete(tensors, "__metadata__")
	header, data := map[string]any{}, []byte(nil)
	add := func(name, dtype string, x []byte, shape []int) {
		header[name] = map[string]any{"dtype": dtype, "shape": shape, "data_offsets": []int{len(data), len(data) + len(x)}}
		data = append(data, x...)
	}
	for name, info := range tensors {
		x := file[8+size:][info.At[0]:info.At[1]]
		if !strings.Contains(name, "_proj.") {
			add(name, info.Type, x, info.Shape)
			continue
		}
		values := make([]float32, len(x)/4)
		quant.Matrix{Format: quant.F32, Rows: 1, Cols: len(values), Data: x}.Decode(values, 0, 1)
		codes := make([]byte, len(values))
		for i, v := range values {
			codes[i] = quant.E4M3.Encode(v*256, true)
		}
		add(name, "F8_E4M3", codes, info.Shape)
		add(name+"_scale", "F32", quant.Pack(quant.F32, []float32{1. / 256}, 1, 1).Data, []int{1})
		add(strings.TrimSuffix(name, "weight")+"input_scale", "F32", quant.Pack(quant.F32, []float32{1}, 1, 1).Data, []int{1})
	}
	text, err := json.Marshal(header)
	require.NoError(t, err)
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text, data)
}

// A Hugging Face folder becomes a GGUF file that reads texts and continues them
// as the folder does.
func TestFolderToGGUF(t *testing.T) {
	plain, fp8 := foldersOf(t)
	for _, dir := range []string{plain, fp8} {
		out := filepath.Join(t.TempDir(), "out.gguf")
		status, _, stderr := call(t.Context(), dir, "-model", dir, "-o", out, "-type", "f32")
		require.Zero(t, status, stderr)
		var ids, next [2][]int32
		for i, path := range []string{dir, out} {
			m, err := winnow.Load(path, winnow.Options{})
			require.NoError(t, err)
			ids[i] = m.Tokenizer().Encode("the other day, 10 things: “thé”\n", tokenizer.EncodeOptions{})
			s, err := m.NewSession(kvcache.Config{})
			require.NoError(t, err)
			for tok, err := range s.Generate(t.Context(), "the cat", winnow.GenerateOptions{MaxTokens: 32}) {
				require.NoError(t, err)
				next[i] = append(next[i], tok.ID)
			}
			require.NoError(t, m.Close())
		}
		require.Contains(t, ids[0], int32(257))
		require.Equal(t, ids[0], ids[1])
		require.Len(t, next[0], 32)
		require.Equal(t, next[0], next[1])
		src, err := weights.Open(out)
		require.NoError(t, err)
		for _, info := range src.Infos() {
			require.NotContains(t, info.Name, "scale")
			require.Equal(t, weights.F32, info.Type)
		}
		require.NoError(t, src.Close())
	}
}
