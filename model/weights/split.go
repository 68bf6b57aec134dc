package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
)

// The keys of split models, as llama.cpp's gguf-split writes them.
const (
	splitNo      = "split.no"
	splitCount   = "split.count"
	splitTensors = "split.tensors.count"
)

// joinSplit makes a Source of a file and, where it is the first part of a split
// model, of the parts beside it, whose names differ in their number only. It
// closes what it was given if it fails. fsys is nil where there is no folder.
func joinSplit(fsys fs.FS, name string, first *part) (*Source, error) {
	parts := []*part{first}
	more, err := openSplit(fsys, name, first)
	parts = append(parts, more...)
	if err == nil {
		var s *Source
		if s, err = newSource(parts); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, closeParts(parts))
}

// openSplit opens the parts of a split model after the first. Those opened
// before an error are returned with it.
func openSplit(fsys fs.FS, name string, first *part) ([]*part, error) {
	count, err := first.splitOf(0)
	if err != nil || count <= 1 {
		return nil, err
	}
	if fsys == nil {
		return nil, fmt.Errorf("%s: the first of %d parts of a split model, which can only be opened by path", first.file.name, count)
	}
	prefix, ok := strings.CutSuffix(name, fmt.Sprintf("-%05d-of-%05d.gguf", 1, count))
	if !ok {
		return nil, fmt.Errorf("%s: the first of %d parts of a split model, want a name that ends in -%05d-of-%05d.gguf", first.file.name, count, 1, count)
	}
	var parts []*part
	tensors := int64(len(first.tensors))
	for no := int64(1); no < count; no++ {
		p, err := openPart(fsys, fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, no+1, count))
		if err != nil {
			return parts, fmt.Errorf("part %d of %d: %w", no+1, count, err)
		}
		parts = append(parts, p)
		if have, err := p.splitOf(no); err != nil {
			return parts, err
		} else if have != count {
			return parts, fmt.Errorf("%s: %s is %d, but %d in the first part", p.file.name, splitCount, have, count)
		}
		tensors += int64(len(p.tensors))
	}
	if want, ok, err := first.count(splitTensors); err != nil {
		return parts, err
	} else if ok && want != tensors {
		return parts, fmt.Errorf("%s: %s is %d, but the parts have %d", first.file.name, splitTensors, want, tensors)
	}
	return parts, nil
}

// splitOf returns how many parts the model has, and checks that p is the one
// of the given number, counted from 0. A file that is whole counts as one part.
func (p *part) splitOf(no int64) (int64, error) {
	count, ok, err := p.count(splitCount)
	if err != nil {
		return 0, err
	}
	have, hasNo, err := p.count(splitNo)
	if err != nil {
		return 0, err
	}
	switch {
	case count <= 1 && have == 0 && no == 0: // a merged file keeps the keys, with a count of 0
		return 1, nil
	case !ok || !hasNo || have >= count || count > math.MaxUint16:
		return 0, fmt.Errorf("%s: %s is %v of %s %v, want one of them", p.file.name, splitNo, p.meta[splitNo], splitCount, p.meta[splitCount])
	case have != no:
		return 0, fmt.Errorf("%s: %s is %d, want %d", p.file.name, splitNo, have, no)
	}
	return count, nil
}

// count returns a key that holds a count.
func (p *part) count(key string) (n int64, ok bool, err error) {
	value, ok := p.meta[key]
	if !ok {
		return 0, false, nil
	}
	switch v := value.(type) {
	case uint16:
		n = int64(v)
	case int32:
		n = int64(v)
	case uint32:
		n = int64(v)
	case int64:
		n = v
	default:
		n = -1
	}
	if n < 0 {
		return 0, false, fmt.Errorf("%s: key %q: want a count, have %T %v", p.file.name, key, value, value)
	}
	return n, true, nil
}
