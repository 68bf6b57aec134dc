package weights

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The layout follows ggml's docs/gguf.md: magic, version, two counts, the
// metadata, the table of tensors, padding, and the tensors' data.
const (
	ggufMagic     = "GGUF"
	alignmentKey  = "general.alignment"
	alignment     = 32 // unless the file has the key
	maxKeyLen     = 65535
	maxNameLen    = 64
	maxDims       = 4
	maxItems      = 1 << 26 // bytes of a string or values of an array: many times any vocabulary
	maxArrayDepth = 4
	maxAlignment  = 1 << 24
)

// readGGUF reads the header of a GGUF file and checks that each tensor lies in
// the file.
func readGGUF(f *file) (*part, error) {
	d := &decoder{
		r:    bufio.NewReaderSize(io.NewSectionReader(f.r, 0, f.size), int(min(f.size, 32<<10))),
		size: f.size,
	}
	tensors, pairs, err := d.start()
	if err != nil {
		return nil, err
	}
	p := &part{container: "gguf", file: f, meta: map[string]any{}}
	for n := range pairs {
		key, value, err := d.pair()
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", n, pairs, err)
		}
		if _, ok := p.meta[key]; ok {
			return nil, fmt.Errorf("key %q is there twice", key)
		}
		p.meta[key] = value
	}
	for n := range tensors {
		t, err := d.tensor()
		if err != nil {
			return nil, fmt.Errorf("tensor %d of %d: %w", n, tensors, err)
		}
		t.file = f
		p.tensors = append(p.tensors, t)
	}
	p.header = d.off
	return p, p.locate()
}

// locate turns offsets into the data section into offsets into the file. Holes
// between tensors and any order of them are fine.
func (p *part) locate() error {
	align, err := alignmentOf(p.meta)
	if err != nil {
		return err
	}
	start := p.header + pad(p.header, align)
	for _, t := range p.tensors {
		if t.off%align != 0 {
			return fmt.Errorf("tensor %q: offset %d is no multiple of the alignment %d", t.Name, t.off, align)
		}
		if room := p.file.size - start; t.off > room || t.Size > room-t.off {
			return fmt.Errorf("tensor %q: %d bytes at %d of the data, which has %d", t.Name, t.Size, t.off, max(room, 0))
		}
		t.off += start
	}
	return place(p.tensors)
}

func alignmentOf(meta map[string]any) (int64, error) {
	value, ok := meta[alignmentKey]
	if !ok {
		return alignment, nil
	}
	n, ok := value.(uint32)
	if !ok || n == 0 || n > maxAlignment || n&(n-1) != 0 {
		return 0, fmt.Errorf("key %q: want a uint32 that is a power of two up to %d, have %T %v", alignmentKey, maxAlignment, value, value)
	}
	return int64(n), nil
}

// start reads what stands before the metadata.
func (d *decoder) start() (tensors, pairs uint64, err error) {
	if _, err := d.take(uint64(len(ggufMagic))); err != nil {
		return 0, 0, err
	}
	version, err := u32(d)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("version: %w", err)
	case version != 0 && version&0xffff == 0:
		return 0, 0, errors.New("a big-endian GGUF file, want a little-endian one")
	case version != 2 && version != 3:
		return 0, 0, fmt.Errorf("GGUF version %d, want 2 or 3", version)
	}
	tensors, err = u64(d)
	if err == nil {
		pairs, err = u64(d)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("counts: %w", err)
	}
	// The least bytes that a tensor and a pair take in the header.
	if left := uint64(d.size - d.off); tensors > left/24 || pairs > left/14 {
		return 0, 0, fmt.Errorf("%d tensors and %d keys do not fit into the %d bytes of the file", tensors, pairs, d.size)
	}
	return tensors, pairs, nil
}

// tensor reads a line of the table of tensors. off is still relative to the
// data section.
func (d *decoder) tensor() (*tensor, error) {
	name, err := d.text(maxNameLen)
	if err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	if name == "" {
		return nil, errors.New("the name is empty")
	}
	t := &tensor{Info: Info{Name: name, FileName: name}}
	if t.Shape, err = d.shape(); err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	kind, err := u32(d)
	if err != nil {
		return nil, fmt.Errorf("%q: type: %w", name, err)
	}
	if t.Type = Type(kind); !t.Type.GGUF() {
		return nil, fmt.Errorf("%q: type %d is unknown or no longer in use", name, kind)
	}
	if t.Size, err = t.Type.size(t.Shape); err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	off, err := u64(d)
	if err != nil {
		return nil, fmt.Errorf("%q: offset: %w", name, err)
	}
	if off > math.MaxInt64 {
		return nil, fmt.Errorf("%q: offset %d is beyond any file", name, off)
	}
	t.off = int64(off)
	return t, nil
}

// shape reads the dimensions, which the file holds innermost first.
func (d *decoder) shape() ([]int, error) {
	dims, err := u32(d)
	if err != nil {
		return nil, fmt.Errorf("dimensions: %w", err)
	}
	if dims > maxDims {
		return nil, fmt.Errorf("%d dimensions, want at most %d", dims, maxDims)
	}
	shape := make([]int, dims)
	for i := range shape {
		n, err := u64(d)
		if err != nil {
			return nil, fmt.Errorf("dimension %d: %w", i, err)
		}
		if n == 0 || n > math.MaxInt {
			return nil, fmt.Errorf("dimension %d is %d, want 1 to %d", i, n, math.MaxInt)
		}
		shape[len(shape)-1-i] = int(n)
	}
	return shape, nil
}

// decoder reads little-endian values, and knows what is left of the file.
type decoder struct {
	r         *bufio.Reader
	off, size int64
}

// take returns the next n bytes, valid until the next call.
func (d *decoder) take(n uint64) ([]byte, error) {
	if left := d.size - d.off; n > uint64(left) {
		return nil, fmt.Errorf("want %d bytes at %d, the file ends after %d", n, d.off, left)
	}
	var b []byte
	var err error
	if n <= uint64(d.r.Size()) {
		if b, err = d.r.Peek(int(n)); err == nil {
			_, err = d.r.Discard(int(n))
		}
	} else {
		b = make([]byte, n)
		_, err = io.ReadFull(d.r, b)
	}
	if err != nil {
		return nil, fmt.Errorf("%d bytes at %d: %w", n, d.off, err)
	}
	d.off += int64(n)
	return b, nil
}

// text reads a string of at most limit bytes.
func (d *decoder) text(limit uint64) (string, error) {
	n, err := u64(d)
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", fmt.Errorf("a string of %d bytes, want at most %d", n, limit)
	}
	b, err := d.take(n)
	return string(b), err
}

// number makes a reader of a value with a fixed width.
func number[T any](width uint64, get func([]byte) T) func(*decoder) (T, error) {
	return func(d *decoder) (T, error) {
		b, err := d.take(width)
		if err != nil {
			var zero T
			return zero, err
		}
		return get(b), nil
	}
}

var (
	u32 = number(4, binary.LittleEndian.Uint32)
	u64 = number(8, binary.LittleEndian.Uint64)
)
