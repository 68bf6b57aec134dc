package winnow

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
)

// ErrContextFull is returned when the context is full and no policy keeps the
// cache within it.
var ErrContextFull = errors.New("winnow: context is full")

// ErrNoPrompt is returned when there is nothing to go on from.
var ErrNoPrompt = errors.New("winnow: the session is empty and so is the prompt")

// Session is one sequence: the tokens so far and the cache of their keys and
// values. It belongs to one goroutine.
type Session struct {
	m         *Model
	cache     *kvcache.Cache
	scratch   model.Scratch
	tokens    []int32 // all of the sequence, also those that are not in the cache yet
	read      int     // tokens that went through the model: the next position
	rehearsed int     // tokens that a policy has had read again
	rest      int     // tokens of an unfinished prompt that Append was promised
	pos       []int32
	seq       [1]model.Seq
	stats     Stats
}

// Stats counts what a session has computed.
type Stats struct {
	PromptTokens    int
	PromptTime      time.Duration // in passes over prompts
	GeneratedTokens int           // that went through the model one at a time
	DecodeTime      time.Duration // in those passes
}

// NewSession starts an empty sequence. The error says why the configuration
// cannot work with this model.
func (m *Model) NewSession(cfg kvcache.Config) (*Session, error) {
	c, err := kvcache.New(m.shape(), m.known(cfg))
	if err != nil {
		return nil, fmt.Errorf("winnow: %w", err)
	}
	return m.session(c), nil
}

// known lets policies ask the model.
func (m *Model) known(cfg kvcache.Config) kvcache.Config {
	cfg.Model = m.model
	return cfg
}

func (m *Model) shape() kvcache.Shape { return shapeOf(m.Config()) }

func shapeOf(c model.Config) kvcache.Shape {
	return kvcache.Shape{NumLayers: c.NumLayers, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim}
}

// finished returns an error while Append was promised more of a prompt.
func (s *Session) finished() error {
	if s.rest > 0 {
		return fmt.Errorf("winnow: the prompt is unfinished: %d tokens are to come", s.rest)
	}
	return nil
}

// room reports whether n more tokens fit. With a policy the cache may lose rows
// after a prompt, so only what it holds now counts.
func (s *Session) room(n int) error {
	rows := s.read + n
	if s.cache.Config().Policy != nil {
		rows = s.cache.Rows() + 1
	}
	if rows > s.m.context {
		return fmt.Errorf("%w: %d rows wanted, %d allowed", ErrContextFull, rows, s.m.context)
	}
	return nil
}

// Logits returns the logits of the last pass, [1][VocabSize] or as many rows as
// Append was asked for. They are valid until the next.
func (s *Session) Logits() []float32 { return s.seq[0].Logits }

// Tokens returns the sequence so far: prompts and generated tokens, Embedded
// for those that were no token.
func (s *Session) Tokens() []int32 { return slices.Clone(s.tokens) }

// Model returns the model that the session runs.
func (s *Session) Model() *Model { return s.m }

// Cache exposes the cache for inspection.
func (s *Session) Cache() *kvcache.Cache { return s.cache }

// Stats returns what the session has computed so far.
func (s *Session) Stats() Stats { return s.stats }

// Fork returns a session that goes on from here on its own. The two share the
// full blocks of their caches, and may be used by different goroutines.
func (s *Session) Fork() *Session { return s.fork(s.cache.Fork()) }

// ForkWith is Fork, and the fork goes on under another policy. Its error says why
// that cannot work with the session. Within an unfinished prompt, that is after
// an Append with a Rest, the policy must be the same but for its budget.
func (s *Session) ForkWith(p kvcache.Policy) (*Session, error) {
	cache, err := s.cache.ForkWith(p)
	if err != nil {
		return nil, fmt.Errorf("winnow: %w", err)
	}
	return s.fork(cache), nil
}

func (s *Session) fork(cache *kvcache.Cache) *Session {
	f := s.m.session(cache)
	f.tokens, f.read, f.rest, f.rehearsed = slices.Clone(s.tokens), s.read, s.rest, s.rehearsed
	f.seq[0].Logits = slices.Clone(s.seq[0].Logits)
	return f
}

// Truncate forgets the tokens from index n on. What a policy evicted before
// does not come back. The next call must bring at least a token.
func (s *Session) Truncate(n int) {
	if n < 0 || n > len(s.tokens) {
		panic(fmt.Sprintf("winnow: Truncate: got %d, want 0 to %d tokens", n, len(s.tokens)))
	}
	if n == len(s.tokens) {
		return
	}
	s.tokens = s.tokens[:n]
	if n < s.read {
		s.cache.Truncate(int32(n))
		s.read, s.rest, s.rehearsed = n, 0, min(n, s.rehearsed)
	}
	s.seq[0].Logits = nil
}
