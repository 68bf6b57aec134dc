package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// numbered returns n bytes that differ from their neighbours.
func numbered(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// sampleMeta has a value of every type.
func sampleMeta() []KV {
	return []KV{
		{"general.architecture", "llama"}, {"u8", uint8(200)}, {"i8", int8(-3)}, {"u16", uint16(60000)},
		{"i16", int16(-300)}, {"u32", uint32(4e9)}, {"i32", int32(-7)}, {"u64", uint64(1 << 63)}, {"i64", int64(-1 << 62)},
		{"f32", float32(0.5)}, {"f64", 0.1}, {"yes", true}, {"no", false}, {"empty", ""},
		{"tokens", []string{"a", "", "\xff", "long enough"}}, {"u8s", []uint8{1, 2}}, {"i8s", []int8{-1}},
		{"u16s", []uint16{1, 2, 3}}, {"i16s", []int16{-5}}, {"u32s", []uint32{}}, {"i32s", []int32{1, -1}},
		{"u64s", []uint64{9}}, {"i64s", []int64{-9}}, {"f32s", []float32{1, 2}}, {"f64s", []float64{3}},
		{"bools", []bool{true, false}}, {"nested", []any{[]int32{1, 2}, []string{"x"}, []any{[]uint8{1}}}},
	}
}

func sampleTensors() []Tensor {
	return []Tensor{
		{Name: "token_embd.weight", Type: F32, Shape: []int{3, 64}, Data: numbered(3 * 64 * 4)},
		{Name: "output_norm.weight", Type: F32, Shape: []int{5}, Data: numbered(20)},
		{Name: "blk.0.attn_q.weight", Type: Q8_0, Shape: []int{2, 64}, Data: numbered(2 * 2 * 34)},
		{Name: "scalar", Type: F16, Shape: []int{}, Data: numbered(2)},
		{Name: "big", Type: Q4_K, Shape: []int{2, 3, 5, 1024}, Data: numbered(2 * 3 * 5 * 4 * 144)},
	}
}

func writeGGUF(t testing.TB, meta []KV, tensors []Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, WriteGGUF(&b, meta, tensors))
	return b.Bytes()
}

// safetensorsFile puts a header before data.
func safetensorsFile(header string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// shard makes a safetensors file of F32 vectors with 4 values each.
func shard(t testing.TB, names ...string) []byte {
	t.Helper()
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	for i, name := range names {
		header[name] = map[string]any{"dtype": "F32", "shape": []int{4}, "data_offsets": []int{16 * i, 16*i + 16}}
	}
	text, err := json.Marshal(header)
	require.NoError(t, err)
	return safetensorsFile(string(text), numbered(16*len(names)))
}

// streamFS hides that its files can be read at any place.
type streamFS struct{ fs.FS }

func (s streamFS) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	return struct{ fs.File }{f}, err
}

// everyWay opens a single file in each of the ways that there are, checks that
// they agree on whether it can be opened, and calls check for each Source.
func everyWay(t *testing.T, path string, check func(t *testing.T, s *Source)) error {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	dir, name := filepath.Split(path)
	memory := fstest.MapFS{name: {Data: data}}
	ways := []struct {
		name string
		open func() (*Source, error)
	}{
		{"path", func() (*Source, error) { return Open(path) }},
		{"os.DirFS", func() (*Source, error) { return OpenFS(os.DirFS(dir), name) }},
		{"fs.FS with ReadAt", func() (*Source, error) { return OpenFS(memory, name) }},
		{"fs.FS", func() (*Source, error) { return OpenFS(streamFS{memory}, name) }},
		{"io.ReaderAt", func() (*Source, error) { return OpenReaderAt(bytes.NewReader(data), int64(len(data))) }},
	}
	var failed []error
	for _, way := range ways {
		s, err := way.open()
		if err != nil {
			require.ErrorContains(t, err, "weights: ")
			failed = append(failed, err)
			continue
		}
		if check != nil {
			check(t, s)
		}
		require.NoError(t, s.Close())
	}
	if len(failed) == 0 {
		return nil
	}
	require.Len(t, failed, len(ways), "some ways open %s, some say %v", name, failed)
	return failed[0]
}

// everyWayBytes does the same with the bytes of a file.
func everyWayBytes(t *testing.T, data []byte, check func(t *testing.T, s *Source)) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return everyWay(t, path, check)
}

// content is all that a Source says, to compare two.
func content(t testing.TB, s *Source) (meta map[string]any, tensors []Tensor) {
	t.Helper()
	total := int64(0)
	for x, err := range s.Tensors() {
		require.NoError(t, err)
		info, ok := s.Info(x.Name)
		require.True(t, ok)
		require.Equal(t, Info{x.Name, x.FileName, x.Type, x.Shape, int64(len(x.Data))}, info)
		same, err := s.Tensor(x.Name)
		require.NoError(t, err)
		require.Equal(t, x, same)
		x.Data = slices.Clone(x.Data)
		tensors = append(tensors, x)
		total += info.Size
	}
	require.Len(t, s.Infos(), len(tensors))
	require.Equal(t, total, s.Bytes())
	return s.Meta, tensors
}

// countingReader counts the bytes that were read, and the reads of each place.
type countingReader struct {
	io.ReaderAt
	read  int
	reads map[int64]int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.read += n
	c.reads[off]++
	return n, err
}
