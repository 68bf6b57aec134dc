package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGGUFRoundTrip(t *testing.T) {
	for _, align := range []uint32{0, 1, 64, 4096} {
		meta := sampleMeta()
		if align > 0 {
			meta = append(meta, KV{"general.alignment", align})
		}
		data := writeGGUF(t, meta, sampleTensors())
		var first [32]byte
		err := everyWayBytes(t, data, func(t *testing.T, s *Source) {
			assert.Equal(t, "gguf", s.Container)
			have, tensors := content(t, s)
			require.Len(t, have, len(meta))
			for _, kv := range meta {
				assert.Equal(t, kv.Value, have[kv.Key], kv.Key)
			}
			want := sampleTensors()
			for i := range want {
				want[i].FileName = want[i].Name
			}
			assert.Equal(t, want, tensors)
			print, err := s.Fingerprint()
			require.NoError(t, err)
			if first == [32]byte{} {
				first = print
			}
			assert.Equal(t, first, print)
		})
		require.NoError(t, err)
	}
}

func TestGGUFEveryType(t *testing.T) {
	known := 0
	for n := range Type(200) {
		if !n.GGUF() {
			var b bytes.Buffer
			err := WriteGGUF(&b, nil, []Tensor{{Name: "x", Type: n, Shape: []int{1}, Data: []byte{0}}})
			assert.ErrorContains(t, err, n.String())
			assert.Zero(t, b.Len())
			continue
		}
		known++
		x := Tensor{Name: "x", FileName: "x", Type: n, Shape: []int{3, 2 * n.BlockSize()}, Data: numbered(6 * n.BlockBytes())}
		data := writeGGUF(t, nil, []Tensor{x})
		s, err := OpenReaderAt(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err, n)
		have, err := s.Tensor("x")
		require.NoError(t, err)
		assert.Equal(t, x, have)
		short := len(data) - (32-6*n.BlockBytes()%32)%32 - 1
		_, err = OpenReaderAt(bytes.NewReader(data), int64(short))
		assert.ErrorContains(t, err, `tensor "x"`, n)
	}
	assert.Equal(t, 35, known)
}

func TestWriteGGUFRefuses(t *testing.T) {
	x := Tensor{Name: "x", Type: F32, Shape: []int{2}, Data: make([]byte, 8)}
	with := func(change func(*Tensor)) []Tensor {
		y := x
		change(&y)
		return []Tensor{y}
	}
	for name, c := range map[string]struct {
		meta    []KV
		tensors []Tensor
	}{
		"key twice":       {meta: []KV{{"a", true}, {"a", false}}},
		"empty key":       {meta: []KV{{"", true}}},
		"long key":        {meta: []KV{{strings.Repeat("k", 65536), true}}},
		"int":             {meta: []KV{{"a", 1}}},
		"nil":             {meta: []KV{{"a", nil}}},
		"no array inside": {meta: []KV{{"a", []any{uint8(1)}}}},
		"deep arrays":     {meta: []KV{{"a", []any{[]any{[]any{[]any{[]any{}}}}}}}},
		"alignment":       {meta: []KV{{"general.alignment", uint32(48)}}},
		"tensor twice":    {tensors: []Tensor{x, x}},
		"empty name":      {tensors: with(func(x *Tensor) { x.Name = "" })},
		"long name":       {tensors: with(func(x *Tensor) { x.Name = strings.Repeat("n", 64) })},
		"short data":      {tensors: with(func(x *Tensor) { x.Data = x.Data[:7] })},
		"zero dimension":  {tensors: with(func(x *Tensor) { x.Shape = []int{0} })},
		"five dimensions": {tensors: with(func(x *Tensor) { x.Shape = []int{1, 1, 1, 1, 2} })},
		"half a block":    {tensors: with(func(x *Tensor) { x.Type = Q8_0 })},
		"overflow":        {tensors: with(func(x *Tensor) { x.Shape = []int{math.MaxInt, math.MaxInt, 2} })},
	} {
		var b bytes.Buffer
		assert.ErrorContains(t, WriteGGUF(&b, c.meta, c.tensors), "weights: ", name)
		assert.Zero(t, b.Len(), name)
	}
}

type brokenWriter struct{ room int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errors.New("no room")
	}
	return len(p), nil
}

func TestWriteGGUFReportsTheWriter(t *testing.T) {
	size := len(writeGGUF(t, sampleMeta(), sampleTensors()))
	require.NoError(t, WriteGGUF(&brokenWriter{size}, sampleMeta(), sampleTensors()))
	for _, room := range []int{0, 1500, size - 1} {
		assert.ErrorContains(t, WriteGGUF(&brokenWriter{room}, sampleMeta(), sampleTensors()), "no room")
	}
}

// TestGGUFCut opens every beginning of a file: none may be taken for whole,
// but for the padding at its end.
func TestGGUFCut(t *testing.T) {
	tensors := []Tensor{{Name: "x", Type: F32, Shape: []int{2}, Data: numbered(8)}}
	data := writeGGUF(t, sampleMeta(), tensors)
	for n := range len(data) - 24 {
		_, err := OpenReaderAt(bytes.NewReader(data[:n]), int64(n))
		require.ErrorContains(t, err, "weights: reader: ", "%d of %d bytes", n, len(data))
		// The same with a reader that breaks its promise.
		s, err := OpenReaderAt(bytes.NewReader(data[:n]), int64(len(data)))
		if err == nil {
			_, err = s.Tensor("x")
		}
		require.Error(t, err, "%d of %d bytes", n, len(data))
	}
}

// raw is a GGUF file with one key and one tensor, each field free to be wrong.
type raw struct {
	magic          string
	version        uint32
	tensors, pairs uint64
	keyLen         uint64
	kind, elem     uint32
	count          uint64 // of the array
	nameLen        uint64
	dims           uint32
	rows, cols     uint64
	kindOfTensor   uint32
	off            uint64
	data           int
	secondName     string // a second tensor
	secondOff      uint64
	order          binary.ByteOrder
}

func (r raw) bytes() []byte {
	var b []byte
	u32 := func(v uint32) {
		var x [4]byte
		r.order.PutUint32(x[:], v)
		b = append(b, x[:]...)
	}
	u64 := func(v uint64) {
		var x [8]byte
		r.order.PutUint64(x[:], v)
		b = append(b, x[:]...)
	}
	b = append(b, r.magic...)
	u32(r.version)
	u64(r.tensors)
	u64(r.pairs)
	u64(r.keyLen)
	b = append(b, "key"...)
	u32(r.kind)
	u32(r.elem)
	u64(r.count)
	b = append(b, 1, 0, 0, 0, 2, 0, 0, 0)
	u64(r.nameLen)
	b = append(b, "name"...)
	u32(r.dims)
	u64(r.cols)
	u64(r.rows)
	u32(r.kindOfTensor)
	u64(r.off)
	if r.secondName != "" {
		u64(uint64(len(r.secondName)))
		b = append(b, r.secondName...)
		u32(1)
		u64(2)
		u32(0)
		u64(r.secondOff)
	}
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	return append(b, make([]byte, r.data)...)
}

func good() raw {
	return raw{magic: "GGUF", version: 3, tensors: 1, pairs: 1, keyLen: 3, kind: 9, elem: 5, count: 2, nameLen: 4,
		dims: 2, cols: 2, rows: 3, kindOfTensor: 0, data: 24, order: binary.LittleEndian}
}

func TestGGUFRefuses(t *testing.T) {
	require.NoError(t, everyWayBytes(t, good().bytes(), func(t *testing.T, s *Source) {
		meta, tensors := content(t, s)
		assert.Equal(t, map[string]any{"key": []int32{1, 2}}, meta)
		assert.Equal(t, []Tensor{{"name", "name", F32, []int{3, 2}, make([]byte, 24)}}, tensors)
	}))
	for want, change := range map[string]func(*raw){
		"no GGUF":           func(r *raw) { r.magic = "GGML" },
		"version 1":         func(r *raw) { r.version = 1 },
		"version 4":         func(r *raw) { r.version = 4 },
		"big-endian":        func(r *raw) { r.order = binary.BigEndian },
		"do not fit":        func(r *raw) { r.tensors = 1 << 40 },
		"tensor 1 of 2":     func(r *raw) { r.tensors = 2 },
		"1 keys do not":     func(r *raw) { r.tensors = math.MaxUint64 },
		"key 0 of 1":        func(r *raw) { r.keyLen = math.MaxUint64 },
		"key is empty":      func(r *raw) { r.keyLen = 0 },
		"value type 13":     func(r *raw) { r.kind = 13 },
		"type 13 of":        func(r *raw) { r.elem = 13 },
		"array of":          func(r *raw) { r.count = 1 << 61 },
		"bool of 2":         func(r *raw) { r.elem, r.count = 7, 8 },
		"name: ":            func(r *raw) { r.nameLen = 65 },
		"name is empty":     func(r *raw) { r.nameLen = 0 },
		"5 dimensions":      func(r *raw) { r.dims = 5 },
		"dimension 0 is":    func(r *raw) { r.cols = 0 },
		"dimension 1 is":    func(r *raw) { r.rows = 1 << 63 },
		"type 4 is":         func(r *raw) { r.kindOfTensor = 4 },
		"type 128 is":       func(r *raw) { r.kindOfTensor = uint32(Bool) },
		"block of 32":       func(r *raw) { r.kindOfTensor = uint32(Q8_0) },
		"alignment 32":      func(r *raw) { r.off = 8 },
		"at 32 of":          func(r *raw) { r.off = 32 },
		"beyond any file":   func(r *raw) { r.off = 1 << 63 },
		"which has 23":      func(r *raw) { r.data = 23 },
		"overlap":           func(r *raw) { r.tensors, r.secondName = 2, "b" },
		`"name" is already`: func(r *raw) { r.tensors, r.secondName, r.secondOff, r.data = 2, "name", 32, 64 },
	} {
		r := good()
		change(&r)
		assert.ErrorContains(t, everyWayBytes(t, r.bytes(), nil), want)
	}
	if math.MaxInt == math.MaxInt64 {
		r := good()
		r.rows, r.cols = 1<<32, 1<<32
		assert.ErrorContains(t, everyWayBytes(t, r.bytes(), nil), "more values")
		r.rows, r.cols = 1<<31, 1<<31
		assert.ErrorContains(t, everyWayBytes(t, r.bytes(), nil), "larger than this machine")
	}
}

// TestGGUFOrder: tensors may stand in any order, with holes, and are handed out
// in the order of their data.
func TestGGUFOrder(t *testing.T) {
	r := good()
	r.tensors, r.off, r.secondName, r.secondOff, r.data = 2, 128, "b", 32, 152
	require.NoError(t, everyWayBytes(t, r.bytes(), func(t *testing.T, s *Source) {
		_, tensors := content(t, s)
		require.Len(t, tensors, 2)
		assert.Equal(t, "b", tensors[0].Name)
		assert.Equal(t, "name", tensors[1].Name)
	}))
}

// TestGGUFNesting: arrays in arrays are bounded in depth.
func TestGGUFNesting(t *testing.T) {
	nested := func(depth int) []byte {
		b := append([]byte("GGUF"), 3, 0, 0, 0)
		b = binary.LittleEndian.AppendUint64(b, 0)
		b = binary.LittleEndian.AppendUint64(b, 1)
		b = binary.LittleEndian.AppendUint64(b, 1)
		b = append(b, 'k', 9, 0, 0, 0)
		for range depth {
			b = append(b, 9, 0, 0, 0)
			b = binary.LittleEndian.AppendUint64(b, 1)
		}
		return append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	require.NoError(t, everyWayBytes(t, nested(3), nil))
	for _, depth := range []int{4, 100_000} {
		assert.ErrorContains(t, everyWayBytes(t, nested(depth), nil), "nested deeper")
	}
}
