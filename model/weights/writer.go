package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// KV is a key of GGUF metadata and its value, of one of the Go types that
// Source.Meta has. An int is not one of them: the file states its width.
type KV struct {
	Key   string
	Value any
}

// WriteGGUF writes a GGUF file, version 3, little-endian, which llama.cpp reads
// as well. The data of the tensors is aligned to 32 bytes, or to the uint32
// that meta has under "general.alignment". Meta and tensors are written in the
// given order, tensors under their Name; their FileName is not used. The error
// names a key or tensor that the format cannot hold, in which case nothing was
// written, or is that of w.
func WriteGGUF(w io.Writer, meta []KV, tensors []Tensor) error {
	header, align, err := ggufHeader(meta, tensors)
	if err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	padding := make([]byte, align)
	off := int64(0)
	for _, data := range append([][]byte{header}, dataOf(tensors)...) {
		if _, err := w.Write(data); err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		off += int64(len(data))
		if _, err := w.Write(padding[:pad(off, align)]); err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		off += pad(off, align)
	}
	return nil
}

func dataOf(tensors []Tensor) [][]byte {
	data := make([][]byte, len(tensors))
	for i, t := range tensors {
		data[i] = t.Data
	}
	return data
}

// pad returns how many bytes are missing from n to a multiple of align.
func pad(n, align int64) int64 {
	return (align - n%align) % align
}

// ggufHeader encodes all that stands before the data, without the padding.
func ggufHeader(meta []KV, tensors []Tensor) ([]byte, int64, error) {
	e := &encoder{}
	e.WriteString(ggufMagic)
	e.put(uint32(3), uint64(len(tensors)), uint64(len(meta)))
	seen := map[string]any{}
	for _, kv := range meta {
		if _, ok := seen[kv.Key]; ok || kv.Key == "" || len(kv.Key) > maxKeyLen {
			return nil, 0, fmt.Errorf("key %q: want keys of 1 to %d bytes that differ", kv.Key, maxKeyLen)
		}
		seen[kv.Key] = kv.Value
		e.text(kv.Key)
		if err := e.value(kv.Value, 0); err != nil {
			return nil, 0, fmt.Errorf("key %q: %w", kv.Key, err)
		}
	}
	align, err := alignmentOf(seen)
	if err != nil {
		return nil, 0, err
	}
	names := map[string]bool{}
	off := int64(0)
	for _, t := range tensors {
		// llama.cpp keeps names in 64 bytes, with a zero at the end.
		if names[t.Name] || t.Name == "" || len(t.Name) >= maxNameLen {
			return nil, 0, fmt.Errorf("tensor %q: want names of 1 to %d bytes that differ", t.Name, maxNameLen-1)
		}
		names[t.Name] = true
		if err := e.tensor(t, off); err != nil {
			return nil, 0, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		off += int64(len(t.Data))
		off += pad(off, align)
	}
	return e.Bytes(), align, nil
}

// encoder writes little-endian values to memory.
type encoder struct{ bytes.Buffer }

// put writes numbers, bools, or slices of them.
func (e *encoder) put(values ...any) {
	for _, v := range values {
		// A Buffer takes everything, and the types are checked before.
		_ = binary.Write(e, binary.LittleEndian, v)
	}
}

func (e *encoder) text(s string) {
	e.put(uint64(len(s)))
	e.WriteString(s)
}

// tensor writes a line of the table of tensors.
func (e *encoder) tensor(t Tensor, off int64) error {
	if !t.Type.GGUF() {
		return fmt.Errorf("type %v has no place in a GGUF file", t.Type)
	}
	if len(t.Shape) > maxDims {
		return fmt.Errorf("shape %v, want at most %d dimensions", t.Shape, maxDims)
	}
	for _, n := range t.Shape {
		if n <= 0 {
			return fmt.Errorf("shape %v, want dimensions of at least 1", t.Shape)
		}
	}
	size, err := t.Type.size(t.Shape)
	if err != nil {
		return err
	}
	if size != int64(len(t.Data)) {
		return fmt.Errorf("%d bytes of data, want %d for shape %v in %v", len(t.Data), size, t.Shape, t.Type)
	}
	e.text(t.Name)
	e.put(uint32(len(t.Shape)))
	for i := range t.Shape {
		e.put(uint64(t.Shape[len(t.Shape)-1-i]))
	}
	e.put(uint32(t.Type), uint64(off))
	return nil
}

// value writes a value, below depth arrays, with its type before it.
func (e *encoder) value(value any, depth int) error {
	kind, n := kindOf(value)
	if kind < 0 {
		return fmt.Errorf("a value of Go type %T, want one that Source.Meta has", value)
	}
	if n < 0 {
		e.put(uint32(kind))
		if s, ok := value.(string); ok {
			e.text(s)
		} else {
			e.put(value)
		}
		return nil
	}
	if depth >= maxArrayDepth {
		return fmt.Errorf("arrays nested deeper than %d", maxArrayDepth)
	}
	// Inside an array, an array comes without the type that says it is one.
	if depth == 0 {
		e.put(uint32(kindArray))
	}
	e.put(uint32(kind), uint64(n))
	switch values := value.(type) {
	case []string:
		for _, s := range values {
			e.text(s)
		}
	case []any:
		for i, v := range values {
			if _, n := kindOf(v); n < 0 {
				return fmt.Errorf("value %d of an array of arrays is a %T", i, v)
			}
			if err := e.value(v, depth+1); err != nil {
				return err
			}
		}
	default:
		e.put(values)
	}
	return nil
}

// kindOf returns the file's number for the type of a value, of a slice that of
// its values, with its length; n is -1 where the value is no slice, kind is -1
// where the format has no such type.
func kindOf(value any) (kind, n int) {
	switch v := value.(type) {
	case uint8:
		return kindU8, -1
	case int8:
		return kindI8, -1
	case uint16:
		return kindU16, -1
	case int16:
		return kindI16, -1
	case uint32:
		return kindU32, -1
	case int32:
		return kindI32, -1
	case float32:
		return kindF32, -1
	case bool:
		return kindBool, -1
	case string:
		return kindString, -1
	case uint64:
		return kindU64, -1
	case int64:
		return kindI64, -1
	case float64:
		return kindF64, -1
	case []uint8:
		return kindU8, len(v)
	case []int8:
		return kindI8, len(v)
	case []uint16:
		return kindU16, len(v)
	case []int16:
		return kindI16, len(v)
	case []uint32:
		return kindU32, len(v)
	case []int32:
		return kindI32, len(v)
	case []float32:
		return kindF32, len(v)
	case []bool:
		return kindBool, len(v)
	case []string:
		return kindString, len(v)
	case []uint64:
		return kindU64, len(v)
	case []int64:
		return kindI64, len(v)
	case []float64:
		return kindF64, len(v)
	case []any:
		return kindArray, len(v)
	}
	return -1, -1
}
