package weights

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReaderIsLazy(t *testing.T) {
	big := Tensor{Name: "bigger", Type: F32, Shape: []int{512, 512}, Data: numbered(512 * 512 * 4)}
	data := writeGGUF(t, sampleMeta(), append(sampleTensors(), big))
	r := &countingReader{bytes.NewReader(data), 0, map[int64]int{}}
	s, err := OpenReaderAt(r, int64(len(data)))
	require.NoError(t, err)
	assert.Len(t, s.Infos(), 6)
	_, ok := s.Info("nothing")
	assert.False(t, ok)
	_, err = s.Tensor("nothing")
	assert.ErrorIs(t, err, ErrNoTensor)
	assert.Less(t, r.read, 33<<10)

	before := r.read
	for range 3 {
		x, err := s.Tensor("bigger")
		require.NoError(t, err)
		require.Equal(t, big.Data, x.Data)
	}
	assert.Equal(t, len(big.Data), r.read-before, "a tensor is read once")
}

func TestTensorFromManyGoroutines(t *testing.T) {
	data := writeGGUF(t, nil, sampleTensors())
	var reads atomic.Int64
	s, err := OpenReaderAt(readerFunc(func(p []byte, off int64) (int, error) {
		reads.Add(1)
		return bytes.NewReader(data).ReadAt(p, off)
	}), int64(len(data)))
	require.NoError(t, err)
	header := reads.Load()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for x, err := range s.Tensors() {
				assert.NoError(t, err)
				assert.Equal(t, s.byName[x.Name].Size, int64(len(x.Data)))
			}
		})
	}
	group.Wait()
	assert.Equal(t, int64(len(sampleTensors())), reads.Load()-header)
}

type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestTensorsStopAtAnError(t *testing.T) {
	data := writeGGUF(t, nil, sampleTensors())
	s, err := OpenReaderAt(bytes.NewReader(data[:len(data)-1]), int64(len(data)))
	require.NoError(t, err)
	var errs []error
	for _, err := range s.Tensors() {
		errs = append(errs, err)
	}
	require.Len(t, errs, 5)
	assert.NoError(t, errs[3])
	assert.ErrorContains(t, errs[4], `weights: reader: tensor "big"`)
	_, err = s.Fingerprint()
	assert.ErrorContains(t, err, `tensor "big"`)
	for range s.Tensors() {
		break
	}
}

func TestMapped(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		t.Skip("files are not mapped on", runtime.GOOS)
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	require.NoError(t, os.WriteFile(path, writeGGUF(t, nil, sampleTensors()), 0o600))
	s, err := Open(path)
	require.NoError(t, err)
	x, err := s.Tensor("output_norm.weight")
	require.NoError(t, err)
	mapped := s.parts[0].file.data
	require.NotNil(t, mapped)
	assert.Same(t, &mapped[s.byName[x.Name].off], &x.Data[0], "no copy")
	assert.Equal(t, len(x.Data), cap(x.Data), "an append cannot write into the next tensor")
	require.NoError(t, s.Close())
}

func TestClose(t *testing.T) {
	err := everyWayBytes(t, writeGGUF(t, sampleMeta(), sampleTensors()), func(t *testing.T, s *Source) {
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		assert.Equal(t, "llama", s.Meta["general.architecture"])
		assert.Panics(t, func() { _, _ = s.Tensor("scalar") })
		assert.Panics(t, func() { _, _ = s.Fingerprint() })
		assert.Panics(t, func() {
			for range s.Tensors() {
			}
		})
	})
	require.NoError(t, err)
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "nothing"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open("")
	assert.ErrorContains(t, err, "weights: ")
	_, err = Open(dir)
	assert.ErrorContains(t, err, "model.safetensors")
	_, err = OpenFS(os.DirFS(dir), "nothing")
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = OpenFS(os.DirFS(dir), "../nothing")
	assert.ErrorIs(t, err, os.ErrInvalid)
	for _, size := range []int64{-1, 0, 7} {
		_, err = OpenReaderAt(bytes.NewReader(nil), size)
		assert.ErrorContains(t, err, "want a GGUF or safetensors file")
	}
	_, err = OpenReaderAt(bytes.NewReader(nil), 100)
	assert.Error(t, err)
}

func TestFingerprint(t *testing.T) {
	print := func(meta []KV, tensors []Tensor) [32]byte {
		data := writeGGUF(t, meta, tensors)
		s, err := OpenReaderAt(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		p, err := s.Fingerprint()
		require.NoError(t, err)
		return p
	}
	base := print(sampleMeta(), sampleTensors())
	assert.Equal(t, base, print(sampleMeta(), sampleTensors()))

	meta := sampleMeta()
	meta[1].Value = uint8(201)
	assert.NotEqual(t, base, print(meta, sampleTensors()), "metadata")
	for i, x := range sampleTensors() {
		changed := sampleTensors()
		changed[i].Data[0] ^= 1
		assert.NotEqual(t, base, print(sampleMeta(), changed), "first byte of %s", x.Name)
		changed[i].Data[0] ^= 1
		changed[i].Data[len(x.Data)-1] ^= 1
		assert.NotEqual(t, base, print(sampleMeta(), changed), "last byte of %s", x.Name)
	}
	changed := sampleTensors()
	changed[4].Data[sample] ^= 1
	changed[4].Data[len(changed[4].Data)-sample-1] ^= 1
	assert.Equal(t, base, print(sampleMeta(), changed), "only a sample of a large tensor is read")
	changed[4].Data[sample-1] ^= 1
	assert.NotEqual(t, base, print(sampleMeta(), changed))
}

func TestType(t *testing.T) {
	for n := range Type(300) {
		if !n.Known() {
			assert.Zero(t, n.BlockSize())
			assert.Zero(t, n.BlockBytes())
			assert.Contains(t, n.String(), "type(")
			continue
		}
		same, ok := ParseType(n.String())
		assert.True(t, ok)
		assert.Equal(t, n, same)
		assert.Positive(t, n.BlockBytes())
		assert.LessOrEqual(t, n.BlockBytes(), 8*n.BlockSize())
	}
	_, ok := ParseType("")
	assert.False(t, ok)
	assert.Equal(t, "q4_k", Q4_K.String())
	assert.Equal(t, "f8_e4m3", F8_E4M3.String())
	assert.False(t, Type(1<<31).Known())
}
