package weights

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxSafetensorsHeader is the limit that the reference implementation sets.
const maxSafetensorsHeader = 100_000_000

// readSafetensors reads the header of a safetensors file: its length in eight
// bytes, then a JSON object that maps a tensor's name to dtype, shape and
// place. The data must be covered without holes, in any order.
func readSafetensors(f *file) (*part, error) {
	var length [8]byte
	if _, err := io.ReadFull(io.NewSectionReader(f.r, 0, f.size), length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if left := uint64(f.size - 8); n > left || n > maxSafetensorsHeader {
		return nil, fmt.Errorf("want a GGUF or safetensors file, have one that begins with %q: no GGUF, and no header of %d bytes in the %d that follow", length, n, left)
	}
	header, err := f.bytes(8, int64(n))
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	p := &part{container: "safetensors", file: f, header: 8 + int64(n)}
	if p.tensors, err = parseHeader(header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for _, t := range p.tensors {
		t.file = f
		t.off += p.header
	}
	return p, p.checkCover()
}

// checkCover refuses data that no tensor has, or two.
func (p *part) checkCover() error {
	if err := place(p.tensors); err != nil {
		return err
	}
	end := p.header
	for _, t := range p.tensors {
		if t.off != end {
			return fmt.Errorf("tensor %q begins at byte %d of the data, want %d", t.FileName, t.off-p.header, end-p.header)
		}
		end += t.Size
	}
	if end != p.file.size {
		return fmt.Errorf("the tensors take %d bytes of data, the file has %d", end-p.header, p.file.size-p.header)
	}
	return nil
}

// parseHeader reads the JSON itself, since the format forbids what encoding/json
// lets pass: a name twice, bytes that are not UTF-8, null for a string. It also
// takes a fraction of the memory.
func parseHeader(header []byte) ([]*tensor, error) {
	if !utf8.Valid(header) {
		return nil, errors.New("is not UTF-8")
	}
	// From here on the JSON is known to be well formed.
	if err := json.Unmarshal(header, new(json.RawMessage)); err != nil {
		return nil, err
	}
	j := &scanner{header}
	names := map[string]bool{}
	var tensors []*tensor
	err := j.object(func(name string) error {
		if names[name] {
			return errors.New("is there twice")
		}
		names[name] = true
		if name == "__metadata__" {
			return j.object(func(string) error {
				_, err := j.text()
				return err
			})
		}
		t, err := j.tensor(name)
		tensors = append(tensors, t)
		return err
	})
	return tensors, err
}

// tensor reads what the header says of a tensor. off is still relative to the
// data.
func (j *scanner) tensor(name string) (*tensor, error) {
	if name == "" {
		return nil, errors.New("the name is empty")
	}
	var dtype string
	var shape, offsets []int64
	err := j.object(func(key string) (err error) {
		switch {
		case key == "dtype" && dtype == "":
			dtype, err = j.text()
		case key == "shape" && shape == nil:
			shape, err = j.counts(strconv.IntSize - 1)
		case key == "data_offsets" && offsets == nil:
			offsets, err = j.counts(63)
		case key == "dtype" || key == "shape" || key == "data_offsets":
			err = errors.New("is there twice")
		default:
			j.value() // left out, as the reference implementation does
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if dtype == "" || shape == nil || offsets == nil {
		return nil, errors.New("want dtype, shape and data_offsets")
	}
	return newSafetensor(name, dtype, shape, offsets)
}

func newSafetensor(name, dtype string, shape, offsets []int64) (*tensor, error) {
	t := &tensor{Info: Info{Name: ggufName(name), FileName: name, Shape: make([]int, len(shape))}}
	for i, n := range shape {
		t.Shape[i] = int(n)
	}
	var err error
	if t.Type, err = parseDtype(dtype); err != nil {
		return nil, err
	}
	if t.Size, err = t.Type.size(t.Shape); err != nil {
		return nil, err
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] || offsets[1]-offsets[0] != t.Size {
		return nil, fmt.Errorf("data_offsets are %v, want two that are %d bytes apart", offsets, t.Size)
	}
	if offsets[1] > 1<<62 {
		return nil, fmt.Errorf("data_offsets are %v, beyond any file", offsets)
	}
	t.off = offsets[0]
	return t, nil
}

// parseDtype returns the type of a dtype such as "BF16".
func parseDtype(dtype string) (Type, error) {
	t, ok := ParseType(strings.ToLower(dtype))
	if !ok || t.BlockSize() > 4 || strings.ToUpper(dtype) != dtype {
		return 0, fmt.Errorf("unknown dtype %q", dtype)
	}
	return t, nil
}
