package weights

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Open opens a GGUF file (of a split model, the first part), a safetensors
// file, or a Hugging Face folder with its config.json and tokenizer.json.
// GGUF and safetensors files are told apart by their first bytes, not by name.
// The files are mapped where the platform allows.
func Open(path string) (*Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if info.IsDir() {
		return open(openFolder(folder(path), path))
	}
	return open(openModel(folder(filepath.Dir(path)), filepath.Base(path)))
}

// OpenFS does what Open does with a file or folder of fsys. A file of the
// operating system is mapped, one that implements io.ReaderAt (as embedded
// files do) is read tensor by tensor on first use, any other is read once.
func OpenFS(fsys fs.FS, name string) (*Source, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if !info.IsDir() {
		return open(openModel(fsys, name))
	}
	sub, err := fs.Sub(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return open(openFolder(sub, name))
}

// OpenReaderAt opens a GGUF or a safetensors file of size bytes, told apart by
// the first of them. Each tensor is read on first use. The reader must allow
// parallel calls, as io.ReaderAt says, and stays the caller's to close, after
// the Source.
func OpenReaderAt(r io.ReaderAt, size int64) (*Source, error) {
	p, err := readPart(&file{name: "reader", r: r, size: size, close: func() error { return nil }})
	if err != nil {
		return open(nil, err)
	}
	return open(joinSplit(nil, "", p))
}

// open names the package in the error of what was opened.
func open(s *Source, err error) (*Source, error) {
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return s, nil
}

// openModel opens a single file, or a split model by its first.
func openModel(fsys fs.FS, name string) (*Source, error) {
	p, err := openPart(fsys, name)
	if err != nil {
		return nil, err
	}
	return joinSplit(fsys, name, p)
}

// openPart opens a file and reads its header.
func openPart(fsys fs.FS, name string) (*part, error) {
	f, err := openFile(fsys, name)
	if err != nil {
		return nil, err
	}
	p, err := readPart(f)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return p, nil
}

// readPart reads the header of a GGUF or safetensors file.
func readPart(f *file) (*part, error) {
	var start [8]byte // both kinds have more
	if f.size < int64(len(start)) {
		return nil, fmt.Errorf("%s: want a GGUF or safetensors file, have %d bytes", f.name, max(f.size, 0))
	}
	if _, err := io.ReadFull(io.NewSectionReader(f.r, 0, f.size), start[:]); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	read := readSafetensors
	if string(start[:4]) == ggufMagic {
		read = readGGUF
	}
	p, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return p, nil
}
