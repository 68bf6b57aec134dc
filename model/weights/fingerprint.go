package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// sample is how much of each end of a tensor a fingerprint reads.
const sample = 4096

// Fingerprint returns a SHA-256 that tells one model from another, so that a
// saved cache is not used with a model that did not make it. It covers the
// header of every file (metadata and table of tensors), the descriptions of a
// Hugging Face folder, and the first and last 4 KiB of each tensor, which keeps
// it quick for files of any size; it is no proof that all weights are the same.
// The names of the files, and how they were opened, do not change it. It
// panics after Close.
func (s *Source) Fingerprint() ([32]byte, error) {
	if s.closed.Load() {
		panic("weights: Fingerprint: got a closed Source, want an open one")
	}
	h := sha256.New()
	io.WriteString(h, "winnow weights 1")
	for _, text := range [][]byte{s.Config, s.GenerationConfig, s.Tokenizer, s.TokenizerConfig, s.ChatTemplate} {
		writeSized(h, text)
	}
	for _, p := range s.parts {
		if err := p.hash(h); err != nil {
			return [32]byte{}, fmt.Errorf("weights: %s: %w", p.file.name, err)
		}
	}
	return [32]byte(h.Sum(nil)), nil
}

func (p *part) hash(h hash.Hash) error {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(p.header)))
	if _, err := io.Copy(h, io.NewSectionReader(p.file.r, 0, p.header)); err != nil {
		return err
	}
	for _, t := range p.tensors {
		ends := [][2]int64{{t.off, t.Size}}
		if t.Size > 2*sample {
			ends = [][2]int64{{t.off, sample}, {t.off + t.Size - sample, sample}}
		}
		for _, e := range ends {
			b, err := p.file.bytes(e[0], e[1])
			if err != nil {
				return fmt.Errorf("tensor %q: %w", t.FileName, err)
			}
			writeSized(h, b)
		}
	}
	return nil
}

func writeSized(h hash.Hash, b []byte) {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b))))
	h.Write(b)
}
