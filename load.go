package winnow

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/tokenizer"
)

// ErrUnsupported is wrapped by errors about files that are sound but that this
// library cannot run: an architecture, a tensor type, a tokenizer.
var ErrUnsupported = model.ErrUnsupported

// ErrNoTokenizer is returned when there is text to read or write and the model
// came without a tokenizer, as weights without tokenizer.json do.
var ErrNoTokenizer = errors.New("winnow: the model came without a tokenizer, which Options.Tokenizer can provide")

// ErrClosed is returned by what needs a Model that was closed.
var ErrClosed = errors.New("winnow: model is closed")

// Options say how a model is opened. The zero value uses the whole machine and
// the context that the model was trained for.
type Options struct {
	Threads int // goroutines that compute at once; 0: GOMAXPROCS
	Context int // rows that a head of a session may hold; 0: the model's own

	// Tokenizer stands in for the one that comes with the model.
	Tokenizer *tokenizer.Tokenizer

	// Adapter is the path of a LoRA adapter in GGUF, which corrects the weights
	// of the model; empty: none.
	Adapter string

	// Observe, if not nil, is called by every session of the model with each
	// input of a weight, as model.Scratch.Observe says.
	Observe func(weight string, x []float32)
}

// Model is an opened model. It is safe for concurrent use.
type Model struct {
	source    *weights.Source
	adapter   *weights.Source // nil: none
	model     model.Model
	tokenizer *tokenizer.Tokenizer
	pool      *par.Pool
	context   int
	observe   func(weight string, x []float32)
	print     [32]byte

	running sync.RWMutex // read-locked while a session computes
	closed  bool
}

// Load opens a model: a .gguf file, a .safetensors file or a Hugging Face
// folder. Files are memory-mapped where the platform has it, and must not be
// changed while the model is open.
func Load(path string, o Options) (*Model, error) {
	return open(o, func() (*weights.Source, error) { return weights.Open(path) })
}

// LoadFS opens the model name in fsys, such as an embed.FS.
func LoadFS(fsys fs.FS, name string, o Options) (*Model, error) {
	return open(o, func() (*weights.Source, error) { return weights.OpenFS(fsys, name) })
}

// LoadReaderAt opens a GGUF file of the given size, such as a bytes.Reader.
func LoadReaderAt(r io.ReaderAt, size int64, o Options) (*Model, error) {
	return open(o, func() (*weights.Source, error) { return weights.OpenReaderAt(r, size) })
}

func open(o Options, source func() (*weights.Source, error)) (*Model, error) {
	if o.Threads < 0 || o.Threads > 1024 || o.Context < 0 {
		return nil, fmt.Errorf("winnow: Options: got %d threads and a context of %d, want 0 to 1024, and 0 or more", o.Threads, o.Context)
	}
	src, err := source()
	if err != nil {
		return nil, fmt.Errorf("winnow: %w", err)
	}
	m := &Model{source: src, pool: par.New(o.Threads), context: o.Context, tokenizer: o.Tokenizer, observe: o.Observe}
	if err := m.init(o.Adapter); err != nil {
		m.closeFiles()
		return nil, fmt.Errorf("winnow: %w", err)
	}
	return m, nil
}

func (m *Model) init(adapter string) (err error) {
	src := m.source
	if adapter != "" {
		if m.adapter, err = weights.Open(adapter); err != nil {
			return err
		}
		if src, err = model.Adapt(m.source, m.adapter); err != nil {
			return fmt.Errorf("%s: %w", adapter, err)
		}
	}
	if m.model, err = model.Open(src, m.pool); err != nil {
		return err
	}
	if m.tokenizer == nil {
		if m.tokenizer, err = OpenTokenizer(m.source); err != nil && !errors.Is(err, ErrNoTokenizer) {
			return err
		}
	}
	if rows := m.Config().VocabSize; m.tokenizer != nil && m.tokenizer.VocabSize() > rows {
		return fmt.Errorf("tokenizer has %d tokens, the embedding %d rows", m.tokenizer.VocabSize(), rows)
	}
	if m.context == 0 {
		m.context = m.Config().MaxPositions
	}
	m.print, err = src.Fingerprint()
	return err
}

// closeFiles releases the weights and the adapter.
func (m *Model) closeFiles() error {
	err := m.source.Close()
	if m.adapter != nil {
		err = errors.Join(err, m.adapter.Close())
	}
	return err
}

// OpenTokenizer returns the tokenizer that comes with a model, which need not be
// one that can be run, or ErrNoTokenizer.
func OpenTokenizer(src *weights.Source) (*tokenizer.Tokenizer, error) {
	if src.Container == "gguf" {
		return tokenizer.FromGGUF(src.Meta)
	}
	if src.Tokenizer == nil {
		return nil, ErrNoTokenizer
	}
	return tokenizer.FromJSON(src.Tokenizer, src.TokenizerConfig)
}

// Close waits for running computations and releases the files. Sessions of the
// model then return ErrClosed.
func (m *Model) Close() error {
	m.running.Lock()
	defer m.running.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.pool.Close()
	return m.closeFiles()
}

// Config returns the model's hyperparameters.
func (m *Model) Config() model.Config { return m.model.Config() }

// Tokenizer returns the model's tokenizer, nil if it came with none; then only
// GenerateTokens and Append can be used.
func (m *Model) Tokenizer() *tokenizer.Tokenizer { return m.tokenizer }

// Context returns the number of rows that a head of a session may hold.
func (m *Model) Context() int { return m.context }

// Threads returns the number of goroutines that compute at once.
func (m *Model) Threads() int { return m.pool.Threads() }

// session returns an empty sequence over a cache.
func (m *Model) session(c *kvcache.Cache) *Session {
	return &Session{m: m, cache: c, scratch: model.Scratch{Observe: m.observe}}
}
