package weights

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// file is where a model's bytes come from.
type file struct {
	name  string // for errors
	r     io.ReaderAt
	size  int64
	data  []byte // the whole file, if it is mapped or in memory
	close func() error
}

// openFile opens a file for reading at any place: mapped if the system has it
// as a file, else as the ReaderAt that it is, else read once into memory.
func openFile(fsys fs.FS, name string) (*file, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: is no regular file but %v", name, info.Mode()), f.Close())
	}
	if o, ok := f.(*os.File); ok {
		name = o.Name()
		// A file that cannot be mapped can still be read.
		if data, unmap, err := mapFile(o, info.Size()); err == nil {
			return &file{name: name, r: bytes.NewReader(data), size: info.Size(), data: data, close: unmap}, o.Close()
		}
	}
	if r, ok := f.(io.ReaderAt); ok {
		return &file{name: name, r: r, size: info.Size(), close: f.Close}, nil
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &file{name: name, r: bytes.NewReader(data), size: int64(len(data)), data: data, close: func() error { return nil }}, nil
}

// bytes returns n bytes from off on: a part of the mapping, or a copy. The
// caller has checked that they lie in the file.
func (f *file) bytes(off, n int64) ([]byte, error) {
	if f.data != nil {
		return f.data[off : off+n : off+n], nil
	}
	buf := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f.r, off, n), buf); err != nil {
		return nil, fmt.Errorf("%d bytes at %d: %w", n, off, err)
	}
	return buf, nil
}

// folder is a folder of the operating system. Unlike os.DirFS it takes names
// that are not UTF-8, and it never waits for a pipe to be written.
type folder string

func (d folder) Open(name string) (fs.File, error) {
	path := d.path(name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("is no regular file")}
	}
	return os.Open(path)
}

func (d folder) path(name string) string {
	return filepath.Join(string(d), filepath.FromSlash(name))
}
