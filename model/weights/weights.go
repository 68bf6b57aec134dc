// Package weights opens model files and describes what is in them: GGUF files,
// whole or split, safetensors files, and Hugging Face folders. It computes
// nothing and trusts nothing: every count, length and offset of a file is
// checked against the bytes that are there before memory is taken for it, and a
// malformed file is an error.
//
// A file opened by path is mapped into memory where the platform allows, and
// then nothing but its header is read until the values are used.
package weights

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrNoTensor is wrapped by the error of Tensor when the model has no tensor
// of that name.
var ErrNoTensor = errors.New("no such tensor")

// Source is an opened model: its tensors under GGUF's names, and what describes
// it. Its methods may be called from several goroutines. What it hands out is
// read only.
type Source struct {
	// Container is "gguf" or "safetensors".
	Container string

	// Meta is a GGUF file's metadata (of a split model, the first part's); nil
	// for safetensors. A value is a string, bool, uint8 … uint64, int8 … int64,
	// float32 or float64, a slice of one of these, or, for an array of arrays,
	// an []any of slices. Strings hold the bytes of the file, UTF-8 or not.
	Meta map[string]any

	// The files of these names in a Hugging Face folder; nil where there is
	// none, and for single files.
	Config           []byte // config.json
	GenerationConfig []byte // generation_config.json
	Tokenizer        []byte // tokenizer.json
	TokenizerConfig  []byte // tokenizer_config.json
	ChatTemplate     []byte // chat_template.jinja

	parts   []*part
	tensors []*tensor // in file order
	byName  map[string]*tensor
	bytes   int64
	closed  atomic.Bool

	borrowed bool // the parts belong to other Sources
}

// Info describes a tensor without its values.
type Info struct {
	Name     string // GGUF's name, such as "blk.0.attn_q.weight"
	FileName string // the name in the file, which differs for safetensors
	Type     Type
	Shape    []int // outermost first: [rows][cols]
	Size     int64 // bytes
}

// Tensor is a tensor with its values.
type Tensor struct {
	Name     string // GGUF's name, such as "blk.0.attn_q.weight"
	FileName string // the name in the file, which differs for safetensors
	Type     Type
	Shape    []int  // outermost first: [rows][cols]
	Data     []byte // little-endian, not aligned; may be mapped: read only
}

// part is one file of a model, after its header was read.
type part struct {
	container string
	file      *file
	header    int64          // bytes before the data
	meta      map[string]any // nil for safetensors
	tensors   []*tensor      // in the order of their data
}

// tensor is an Info with the place of its values.
type tensor struct {
	Info
	file *file
	off  int64

	mu   sync.Mutex
	data []byte // read on first use, where the file is not in memory
}

// newSource joins the parts of a model. Unless it fails, their files are the
// Source's to close.
func newSource(parts []*part) (*Source, error) {
	s := &Source{Container: parts[0].container, Meta: parts[0].meta, parts: parts, byName: map[string]*tensor{}}
	for _, p := range parts {
		for _, t := range p.tensors {
			if other, ok := s.byName[t.Name]; ok {
				return nil, fmt.Errorf("%s: tensor %q is already in %s as %q", p.file.name, t.FileName, other.file.name, other.FileName)
			}
			s.byName[t.Name] = t
			s.tensors = append(s.tensors, t)
			s.bytes += t.Size
		}
	}
	return s, nil
}

// With returns a Source with the tensors of both, over's where both have one
// of a name, and with over's metadata where s has none under a key: s with
// other weights, or with an adapter. It owns neither: closing it does nothing,
// and both must stay open as long as it is used.
func (s *Source) With(over *Source) *Source {
	w := &Source{
		Container: s.Container, Config: s.Config, GenerationConfig: s.GenerationConfig,
		Tokenizer: s.Tokenizer, TokenizerConfig: s.TokenizerConfig, ChatTemplate: s.ChatTemplate,
		Meta: maps.Clone(over.Meta), parts: slices.Concat(s.parts, over.parts), byName: maps.Clone(s.byName), borrowed: true,
	}
	if w.Meta == nil {
		w.Meta = s.Meta
	} else {
		maps.Copy(w.Meta, s.Meta)
	}
	maps.Copy(w.byName, over.byName)
	for _, t := range slices.Concat(s.tensors, over.tensors) {
		if w.byName[t.Name] == t {
			w.tensors = append(w.tensors, t)
			w.bytes += t.Size
		}
	}
	return w
}

// Close releases the files. After it no Tensor.Data may be touched, whoever
// holds it: where the file was mapped, reading it would kill the process. Meta
// and the other descriptions stay valid. A second Close does nothing.
func (s *Source) Close() error {
	if s.closed.Swap(true) || s.borrowed {
		return nil
	}
	return closeParts(s.parts)
}

func closeParts(parts []*part) error {
	var errs []error
	for _, p := range parts {
		errs = append(errs, p.file.close())
	}
	return errors.Join(errs...)
}

// Tensor returns the tensor of a GGUF name, such as "blk.0.attn_q.weight".
// Where the file is neither mapped nor in memory its values are read on first
// use and kept until Close. The error wraps ErrNoTensor if there is no such
// tensor. It panics after Close.
func (s *Source) Tensor(name string) (Tensor, error) {
	t, ok := s.byName[name]
	if !ok {
		return Tensor{}, fmt.Errorf("weights: %s: tensor %q: %w", s.parts[0].file.name, name, ErrNoTensor)
	}
	return s.load(t)
}

// Tensors returns all tensors in the order of their data. It stops at the
// first that cannot be read. It panics after Close.
func (s *Source) Tensors() iter.Seq2[Tensor, error] {
	return func(yield func(Tensor, error) bool) {
		for _, e := range s.tensors {
			t, err := s.load(e)
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

func (s *Source) load(t *tensor) (Tensor, error) {
	if s.closed.Load() {
		panic("weights: Tensor: got a closed Source, want an open one")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.data == nil {
		data, err := t.file.bytes(t.off, t.Size)
		if err != nil {
			return Tensor{}, fmt.Errorf("weights: %s: tensor %q: %w", t.file.name, t.FileName, err)
		}
		t.data = data
	}
	return Tensor{Name: t.Name, FileName: t.FileName, Type: t.Type, Shape: t.Shape, Data: t.data}, nil
}

// Info describes the tensor of a GGUF name without reading its values.
func (s *Source) Info(name string) (Info, bool) {
	t, ok := s.byName[name]
	if !ok {
		return Info{}, false
	}
	return t.Info, true
}

// Infos describes all tensors, in the order of their data, without reading
// their values. The slice is the caller's, the shapes in it are not.
func (s *Source) Infos() []Info {
	infos := make([]Info, len(s.tensors))
	for i, t := range s.tensors {
		infos[i] = t.Info
	}
	return infos
}

// Bytes returns the bytes of all tensors together.
func (s *Source) Bytes() int64 {
	return s.bytes
}

// place sorts the tensors of a file by the place of their data, and refuses
// those that share bytes.
func place(tensors []*tensor) error {
	slices.SortStableFunc(tensors, func(a, b *tensor) int {
		return cmp.Or(cmp.Compare(a.off, b.off), cmp.Compare(a.Size, b.Size))
	})
	for i := 1; i < len(tensors); i++ {
		prev, t := tensors[i-1], tensors[i]
		if prev.off+prev.Size > t.off {
			return fmt.Errorf("tensors %q and %q overlap: bytes %d to %d, and from %d", prev.FileName, t.FileName, prev.off, prev.off+prev.Size, t.off)
		}
	}
	return nil
}
