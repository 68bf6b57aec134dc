package weights

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// seed adds the short hostile files of one folder, where they are there.
func seed(f *testing.F, folder string) {
	dir, ok := os.LookupEnv("WINNOW_DATA")
	if !ok {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, "hostile", folder, "*"))
	require.NoError(f, err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		if len(data) <= 4096 { // long inputs are slow to vary
			f.Add(data)
		}
	}
}

// read opens data and reads all there is. It returns nil if that was refused.
func read(t *testing.T, data []byte) (s *Source, meta map[string]any, tensors []Tensor) {
	s, err := OpenReaderAt(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		require.True(t, strings.HasPrefix(err.Error(), "weights: "), err)
		return nil, nil, nil
	}
	_, err = s.Fingerprint()
	require.NoError(t, err)
	meta, tensors = content(t, s)
	require.LessOrEqual(t, s.Bytes(), int64(len(data)))
	return s, meta, tensors
}

// pairsOf puts metadata into a fixed order.
func pairsOf(meta map[string]any) []KV {
	var pairs []KV
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		pairs = append(pairs, KV{key, meta[key]})
	}
	return pairs
}

// FuzzGGUF: what can be read can be written, and is the same when read again.
func FuzzGGUF(f *testing.F) {
	seed(f, "gguf")
	f.Add(writeGGUF(f, nil, nil))
	f.Add(writeGGUF(f, sampleMeta(), nil))
	f.Add(writeGGUF(f, sampleMeta()[:1], sampleTensors()[:4]))
	f.Add(good().bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		s, meta, tensors := read(t, data)
		if s == nil || s.Container != "gguf" {
			return
		}
		for _, x := range tensors {
			if len(x.Name) == maxNameLen { // the longest is read, not written
				return
			}
		}
		once := writeGGUF(t, pairsOf(meta), tensors)
		_, meta, tensors = read(t, once)
		// Bytes, since NaN differs from itself.
		require.Equal(t, once, writeGGUF(t, pairsOf(meta), tensors))
	})
}

// FuzzSafetensors: encoding/json sees the same in headers that are accepted.
func FuzzSafetensors(f *testing.F) {
	seed(f, "safetensors")
	f.Add(shard(f, "model.norm.weight", "lm_head.weight"))
	f.Add(safetensorsFile(`{"x":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4],"y":[{"a":"\""}]}}`, make([]byte, 4)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _, tensors := read(t, data)
		if s == nil || s.Container != "safetensors" {
			return
		}
		var header map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data[8:s.parts[0].header], &header))
		delete(header, "__metadata__")
		require.Len(t, tensors, len(header))
		for _, x := range tensors {
			var want struct {
				Dtype   string
				Shape   []int
				Offsets [2]int64 `json:"data_offsets"`
			}
			require.NoError(t, json.Unmarshal(header[x.FileName], &want))
			require.Equal(t, want.Dtype, strings.ToUpper(x.Type.String()))
			require.Equal(t, want.Shape, x.Shape)
			begin := s.parts[0].header + want.Offsets[0]
			require.Equal(t, data[begin:begin+int64(len(x.Data))], x.Data)
		}
	})
}
