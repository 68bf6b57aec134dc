package winnow

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/winnowlm/winnow/kvcache"
)

// What LoadSession's errors wrap: a file of another model or with other
// formats, and a file that was cut or altered.
var (
	ErrForeign = kvcache.ErrForeign
	ErrDamaged = kvcache.ErrDamaged
)

// Save writes the session to w: its tokens, the cache and the logits from which
// it goes on. The file is bound to the model. An unfinished prompt cannot be
// saved.
func (s *Session) Save(w io.Writer) error {
	if err := s.finished(); err != nil {
		return err
	}
	le := binary.LittleEndian
	logits := s.Logits()
	note := make([]byte, 0, 16+4*(len(s.tokens)+len(logits)))
	for _, n := range []int{len(s.tokens), s.read, s.rehearsed, len(logits)} {
		note = le.AppendUint32(note, uint32(n))
	}
	for _, id := range s.tokens {
		note = le.AppendUint32(note, uint32(id))
	}
	for _, v := range logits {
		note = le.AppendUint32(note, math.Float32bits(v))
	}
	if err := s.cache.Save(w, s.m.print, note); err != nil {
		return fmt.Errorf("winnow: %w", err)
	}
	return nil
}

// LoadSession reads a session that Save wrote, to be continued under
// cfg.Policy. The formats are the file's; cfg's must be nil or the same.
func (m *Model) LoadSession(r io.Reader, cfg kvcache.Config) (*Session, error) {
	c, note, err := kvcache.Load(r, m.print, m.shape(), m.known(cfg))
	if err != nil {
		return nil, fmt.Errorf("winnow: %w", err)
	}
	s := m.session(c)
	if !s.parse(note) {
		return nil, fmt.Errorf("winnow: session: %w: tokens", ErrDamaged)
	}
	return s, nil
}

// parse fills the session from a note; it reports whether the note makes sense.
func (s *Session) parse(note []byte) bool {
	if len(note) < 16 || len(note)%4 != 0 {
		return false
	}
	words := make([]uint32, len(note)/4)
	for j := range words {
		words[j] = binary.LittleEndian.Uint32(note[4*j:])
	}
	tokens, read, rehearsed, logits := uint64(words[0]), words[1], words[2], uint64(words[3])
	words = words[4:]
	vocab := s.m.Config().VocabSize
	if tokens+logits != uint64(len(words)) || uint64(read) > tokens || rehearsed > read || logits%uint64(vocab) != 0 {
		return false
	}
	s.read, s.rehearsed = int(read), int(rehearsed)
	for _, id := range words[:tokens] {
		if id >= uint32(vocab) && int32(id) != Embedded {
			return false
		}
		s.tokens = append(s.tokens, int32(id))
	}
	for _, bits := range words[tokens:] {
		s.seq[0].Logits = append(s.seq[0].Logits, math.Float32frombits(bits))
	}
	return true
}
