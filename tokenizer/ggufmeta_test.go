package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// readMeta reads the metadata of a GGUF file (versions 2 and 3), the least that
// the tests need.
func readMeta(t testing.TB, path string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	r := &metaReader{r: bufio.NewReader(bytes.NewReader(data)), left: len(data)}
	m, err := r.file()
	require.NoError(t, err, path)
	return m
}

type metaReader struct {
	r    io.Reader
	left int
}

func (r *metaReader) file() (map[string]any, error) {
	var head struct {
		Magic, Version uint32
		Tensors, Keys  uint64
	}
	if err := binary.Read(r.r, binary.LittleEndian, &head); err != nil {
		return nil, err
	}
	m := map[string]any{}
	for range head.Keys {
		key, err := r.str()
		if err != nil {
			return nil, err
		}
		kind, err := num[uint32](r)
		if err != nil {
			return nil, err
		}
		if m[key], err = r.value(kind); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return m, nil
}

func num[T any](r *metaReader) (T, error) {
	var v T
	return v, binary.Read(r.r, binary.LittleEndian, &v)
}

func nums[T any](r *metaReader, n uint64) ([]T, error) {
	if n > uint64(r.left) {
		return nil, io.ErrUnexpectedEOF
	}
	v := make([]T, n)
	return v, binary.Read(r.r, binary.LittleEndian, v)
}

func (r *metaReader) str() (string, error) {
	n, err := num[uint64](r)
	if err != nil {
		return "", err
	}
	b, err := nums[byte](r, n)
	return string(b), err
}

func (r *metaReader) value(kind uint32) (any, error) {
	switch kind {
	case 0:
		return num[uint8](r)
	case 1:
		return num[int8](r)
	case 2:
		return num[uint16](r)
	case 3:
		return num[int16](r)
	case 4:
		return num[uint32](r)
	case 5:
		return num[int32](r)
	case 6:
		return num[float32](r)
	case 7:
		return num[bool](r)
	case 8:
		return r.str()
	case 9:
		return r.array()
	case 10:
		return num[uint64](r)
	case 11:
		return num[int64](r)
	case 12:
		return num[float64](r)
	}
	return nil, fmt.Errorf("type %d", kind)
}

func (r *metaReader) array() (any, error) {
	kind, err := num[uint32](r)
	if err != nil {
		return nil, err
	}
	n, err := num[uint64](r)
	if err != nil {
		return nil, err
	}
	switch kind {
	case 0:
		return nums[uint8](r, n)
	case 1:
		return nums[int8](r, n)
	case 4:
		return nums[uint32](r, n)
	case 5:
		return nums[int32](r, n)
	case 6:
		return nums[float32](r, n)
	case 8:
		if n > uint64(r.left) {
			return nil, io.ErrUnexpectedEOF
		}
		texts := make([]string, n)
		for i := range texts {
			if texts[i], err = r.str(); err != nil {
				return nil, err
			}
		}
		return texts, nil
	}
	return nil, fmt.Errorf("array of type %d", kind)
}
