package winnow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/race"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/sample"
	"github.com/winnowlm/winnow/tokenizer"
)

// tiny returns a small model with random weights.
func tiny(t testing.TB, o winnow.Options) *winnow.Model {
	return random(t, testmodel.Tiny(4), quant.Q8_0, o)
}

func random(t testing.TB, c model.Config, f quant.Format, o winnow.Options) *winnow.Model {
	file, err := testmodel.GGUF(c, f, 1)
	require.NoError(t, err)
	m, err := winnow.LoadReaderAt(bytes.NewReader(file), int64(len(file)), o)
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

func session(t testing.TB, m *winnow.Model, cfg kvcache.Config) *winnow.Session {
	s, err := m.NewSession(cfg)
	require.NoError(t, err)
	return s
}

// write generates and returns the ids and the text.
func write(t testing.TB, s *winnow.Session, prompt string, o winnow.GenerateOptions) (ids []int32, text string) {
	for token, err := range s.Generate(t.Context(), prompt, o) {
		require.NoError(t, err)
		if token.ID >= 0 {
			ids = append(ids, token.ID)
		}
		text += token.Text
	}
	return ids, text
}

// The text that llama2.c writes, from both kinds of file, and however many
// threads there are.
func TestStories260K(t *testing.T) {
	var want struct {
		Prompt, Text string
		Tokens       []int32
	}
	data, err := os.ReadFile(refdata.Data(t, "models", "stories260K.expected.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	for _, threads := range []int{1, 2} {
		m, err := winnow.Load(refdata.Data(t, "models", "stories260K.gguf"), winnow.Options{Threads: threads})
		require.NoError(t, err)
		hf, err := winnow.Load(refdata.Data(t, "models", "stories260K-hf"), winnow.Options{Threads: threads, Tokenizer: m.Tokenizer()})
		require.NoError(t, err)
		for _, m := range []*winnow.Model{m, hf} {
			s := session(t, m, kvcache.Config{K: quant.F32, V: quant.F32})
			prompt := len(m.Tokenizer().Encode(want.Prompt, tokenizer.EncodeOptions{}))
			ids, text := write(t, s, want.Prompt, winnow.GenerateOptions{MaxTokens: len(want.Tokens) - prompt})
			require.Equal(t, want.Tokens[prompt:], ids)
			require.True(t, strings.HasPrefix(want.Text, want.Prompt+text), "%q", text)
			require.NoError(t, m.Close())
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	o := winnow.GenerateOptions{MaxTokens: 40, Sample: sample.Options{Temperature: 1, TopP: 0.95, Seed: 7}}
	var want []int32
	for _, threads := range []int{1, 2, 3} {
		ids, _ := write(t, session(t, tiny(t, winnow.Options{Threads: threads}), kvcache.Config{}), "the", o)
		if want == nil {
			want = ids
		}
		require.Equal(t, want, ids, "%d threads", threads)
	}
	o.Sample.Seed = 8
	other, _ := write(t, session(t, tiny(t, winnow.Options{}), kvcache.Config{}), "the", o)
	require.NotEqual(t, want, other)
}

// A session that goes on after its limit, its fork, and one that was saved and
// loaded write what an uninterrupted one writes.
func TestGoingOn(t *testing.T) {
	m := tiny(t, winnow.Options{})
	for _, cfg := range []kvcache.Config{{}, {K: quant.Int8, Policy: policy.SnapKV{Budget: 40}}, {Policy: policy.Window{Sink: 2, Recent: 30, Renumber: true}}, {Policy: policy.KVzip{Budget: 40, Chunk: 50}}, {Policy: policy.Recycled{Over: policy.ExpectedAttention{Budget: 40}, TopK: 20, Stride: 1}, Pin: []kvcache.Range{{To: 3}}}} {
		prompt := strings.Repeat("what was kept of the long text ", 5)
		all, _ := write(t, session(t, m, cfg), prompt, winnow.GenerateOptions{MaxTokens: 30})
		s := session(t, m, cfg)
		first, _ := write(t, s, prompt, winnow.GenerateOptions{MaxTokens: 12})
		f := s.Fork()
		var file bytes.Buffer
		require.NoError(t, s.Save(&file))
		loaded, err := m.LoadSession(bytes.NewReader(file.Bytes()), kvcache.Config{Policy: cfg.Policy})
		require.NoError(t, err)
		require.Equal(t, s.Tokens(), loaded.Tokens())
		for _, s := range []*winnow.Session{s, f, loaded} {
			rest, _ := write(t, s, "", winnow.GenerateOptions{MaxTokens: 18})
			require.Equal(t, all, append(first[:12:12], rest...))
		}
	}
}

// A prompt in pieces is the prompt.
func TestAppendInPieces(t *testing.T) {
	m := tiny(t, winnow.Options{})
	tokens := m.Tokenizer().Encode(strings.Repeat("the prompt may come in pieces. ", 6), tokenizer.EncodeOptions{})
	for _, cfg := range []kvcache.Config{{}, {K: quant.Int8, V: quant.Int8, Policy: policy.SnapKV{Budget: 48, Observe: 16}}, {Policy: policy.KVzip{Budget: 40, Chunk: 50}}} {
		whole := session(t, m, cfg)
		require.NoError(t, whole.Append(t.Context(), tokens, winnow.AppendOptions{}))
		for _, piece := range []int{1, 7, 64} {
			s := session(t, m, cfg)
			for rest := tokens; len(rest) > 0; {
				n := min(piece, len(rest))
				require.NoError(t, s.Append(t.Context(), rest[:n], winnow.AppendOptions{Rest: len(rest) - n}))
				rest = rest[n:]
			}
			require.Equal(t, whole.Logits(), s.Logits(), "pieces of %d", piece)
			require.Equal(t, whole.Cache().Bytes(), s.Cache().Bytes())
		}
	}
}

// A prompt of which more is to come can neither be answered nor saved.
func TestUnfinishedPrompt(t *testing.T) {
	s := session(t, tiny(t, winnow.Options{}), kvcache.Config{})
	require.NoError(t, s.Append(t.Context(), []int32{1, 2}, winnow.AppendOptions{Rest: 3}))
	const want = "the prompt is unfinished: 3 tokens are to come"
	require.ErrorContains(t, s.Save(new(bytes.Buffer)), want)
	for _, err := range s.Generate(t.Context(), "", winnow.GenerateOptions{}) {
		require.ErrorContains(t, err, want)
	}
	ids, _ := write(t, s, "end", winnow.GenerateOptions{MaxTokens: 2})
	require.Len(t, ids, 2)
}

// Tokens fed are to a policy what generated ones are: what comes out is what
// generation went through.
func TestFeed(t *testing.T) {
	m := tiny(t, winnow.Options{})
	for _, p := range []kvcache.Policy{nil, policy.Window{Sink: 2, Recent: 10}, policy.H2O{Heavy: 8, Recent: 8}, policy.Recycled{TopK: 8, Stride: 3}} {
		a, b := session(t, m, kvcache.Config{Policy: p}), session(t, m, kvcache.Config{Policy: p})
		prompt := "a prompt of some length that is cut"
		ids, _ := write(t, a, prompt, winnow.GenerateOptions{MaxTokens: 12, IgnoreEnd: true})
		write(t, b, prompt, winnow.GenerateOptions{MaxTokens: 1, IgnoreEnd: true})
		for _, id := range ids[1 : len(ids)-1] { // the last was never read
			require.NoError(t, b.Feed(t.Context(), id))
		}
		require.Equal(t, a.Logits(), b.Logits())
		require.Equal(t, a.Cache().Bytes(), b.Cache().Bytes())
		require.Equal(t, ids[:len(ids)-1], b.Tokens()[len(b.Tokens())-len(ids)+1:])

		before := b.Tokens()
		require.ErrorContains(t, b.Feed(t.Context(), 1<<30), "id 1073741824")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, b.Feed(ctx, 1), context.Canceled)
		require.Equal(t, before, b.Tokens())
		require.NoError(t, b.Feed(t.Context(), 1))
	}
	s := session(t, m, kvcache.Config{})
	require.NoError(t, s.Append(t.Context(), []int32{1, 2}, winnow.AppendOptions{Rest: 1}))
	require.ErrorContains(t, s.Feed(t.Context(), 3), "unfinished")
}

func TestTruncate(t *testing.T) {
	m := tiny(t, winnow.Options{})
	cfg := kvcache.Config{K: quant.F32, V: quant.F32}
	s := session(t, m, cfg)
	tokens := m.Tokenizer().Encode("some text to take back", tokenizer.EncodeOptions{})
	require.NoError(t, s.Append(t.Context(), tokens, winnow.AppendOptions{Out: []int32{0, 9}}))
	logits := append([]float32{}, s.Logits()[m.Config().VocabSize:]...)
	s.Truncate(9)
	require.Equal(t, tokens[:9], s.Tokens())
	require.Nil(t, s.Logits())
	require.NoError(t, s.Append(t.Context(), tokens[9:10], winnow.AppendOptions{}))
	require.Equal(t, logits, s.Logits())
	require.Panics(t, func() { s.Truncate(11) })
}

func TestStop(t *testing.T) {
	m := tiny(t, winnow.Options{})
	_, text := write(t, session(t, m, kvcache.Config{}), "stop", winnow.GenerateOptions{MaxTokens: 60})
	runes := []rune(text)
	require.Greater(t, len(runes), 20)
	stop := string(runes[10:13])
	want, _, _ := strings.Cut(text, stop)
	s := session(t, m, kvcache.Config{})
	_, got := write(t, s, "stop", winnow.GenerateOptions{MaxTokens: 60, Stop: []string{"", "never in there", stop}})
	require.Equal(t, want, got)
	// What might begin a stop text is held back, and not lost at the end.
	_, got = write(t, session(t, m, kvcache.Config{}), "stop", winnow.GenerateOptions{MaxTokens: 60, Stop: []string{text + "?"}})
	require.Equal(t, text, got)
}

func TestContextFull(t *testing.T) {
	m := tiny(t, winnow.Options{Context: 50})
	s := session(t, m, kvcache.Config{})
	var last error
	n, text := 0, ""
	for token, err := range s.Generate(t.Context(), "a prompt", winnow.GenerateOptions{}) {
		if last = err; err == nil {
			n++
			text += token.Text
		}
	}
	require.ErrorIs(t, last, winnow.ErrContextFull)
	require.Equal(t, 50, s.Cache().Rows())
	require.GreaterOrEqual(t, n, 43)
	long := strings.Repeat("x", 60)
	require.ErrorIs(t, session(t, m, kvcache.Config{}).Append(t.Context(), make([]int32, 51), winnow.AppendOptions{}), winnow.ErrContextFull)
	// A window goes on for ever.
	s = session(t, m, kvcache.Config{Policy: policy.Window{Recent: 20, Renumber: true}})
	ids, _ := write(t, s, long, winnow.GenerateOptions{MaxTokens: 100})
	require.Len(t, ids, 100)
	require.Equal(t, 24, s.Cache().Rows())
}

// cancelAfter is a context that ends at the n-th look.
type cancelAfter struct {
	context.Context
	n int
}

func (c *cancelAfter) Done() <-chan struct{} { return make(chan struct{}) }

func (c *cancelAfter) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// A prompt that is interrupted between layers leaves the session as it was.
func TestCancel(t *testing.T) {
	m := tiny(t, winnow.Options{})
	for _, cfg := range []kvcache.Config{{}, {Policy: policy.SnapKV{Budget: 20, Observe: 8}}, {Policy: policy.KVzip{Budget: 20, Chunk: 30}}} {
		s := session(t, m, cfg)
		require.NoError(t, s.Append(t.Context(), make([]int32, 70), winnow.AppendOptions{}))
		f := s.Fork()
		looks := 3
		if _, ok := cfg.Policy.(kvcache.Rehearser); ok {
			looks = 9 // those of the rehearsal too
		}
		for n := range looks {
			err := s.Append(&cancelAfter{t.Context(), n}, make([]int32, 50), winnow.AppendOptions{})
			require.ErrorIs(t, err, context.Canceled)
		}
		require.Equal(t, f.Tokens(), s.Tokens())
		require.Equal(t, f.Cache().Bytes(), s.Cache().Bytes())
		require.NoError(t, s.Append(t.Context(), []int32{5}, winnow.AppendOptions{}))
		require.NoError(t, f.Append(t.Context(), []int32{5}, winnow.AppendOptions{}))
		require.Equal(t, f.Logits(), s.Logits())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range session(t, m, kvcache.Config{}).Generate(ctx, "x", winnow.GenerateOptions{}) {
		if n++; n == 5 {
			cancel()
		}
		last = err
	}
	require.ErrorIs(t, last, context.Canceled)
	require.LessOrEqual(t, n, 7)
}

// Many sessions of one model at the same time write what each writes alone.
func TestConcurrentSessions(t *testing.T) {
	m := tiny(t, winnow.Options{Threads: 2})
	want, _ := write(t, session(t, m, kvcache.Config{}), "together", winnow.GenerateOptions{MaxTokens: 20})
	var wg sync.WaitGroup
	got := make([][]int32, 6)
	parent := session(t, m, kvcache.Config{})
	for i := range got {
		s := parent.Fork()
		wg.Go(func() {
			for token, err := range s.Generate(t.Context(), "together", winnow.GenerateOptions{MaxTokens: 20}) {
				if err == nil && token.ID >= 0 {
					got[i] = append(got[i], token.ID)
				}
			}
		})
	}
	wg.Wait()
	for i := range got {
		require.Equal(t, want, got[i], "session %d", i)
	}
}

// A token in steady state allocates nothing but, now and then, a block.
func requireNoAllocs(t *testing.T, step func(), of any) {
	if !race.Enabled {
		require.Zero(t, testing.AllocsPerRun(300, step), "%+v", of)
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	m := tiny(t, winnow.Options{Threads: 2})
	for _, p := range []kvcache.Policy{nil, policy.SnapKV{Budget: 64}, policy.Window{Recent: 50}, policy.Window{Recent: 50, Renumber: true}} {
		s := session(t, m, kvcache.Config{Policy: p})
		next, stop := iter.Pull2(s.GenerateTokens(t.Context(), make([]int32, 300), winnow.GenerateOptions{IgnoreEnd: true}))
		next()
		next()
		requireNoAllocs(t, func() { next() }, p)
		stop()
	}
}

func TestErrors(t *testing.T) {
	m := tiny(t, winnow.Options{})
	_, err := m.NewSession(kvcache.Config{Policy: policy.SnapKV{Budget: 10, Observe: 11}})
	require.ErrorContains(t, err, "Observe 11, want 1 to the budget of 10")
	s := session(t, m, kvcache.Config{})
	require.ErrorIs(t, s.Append(t.Context(), nil, winnow.AppendOptions{}), winnow.ErrNoPrompt)
	require.ErrorContains(t, s.Append(t.Context(), []int32{300}, winnow.AppendOptions{}), "has id 300, want 0 to 299")
	for _, err := range s.Generate(t.Context(), "x", winnow.GenerateOptions{Sample: sample.Options{TopP: 2}}) {
		require.ErrorContains(t, err, "TopP")
	}
	_, err = winnow.LoadReaderAt(strings.NewReader("no model"), 8, winnow.Options{})
	require.Error(t, err)
	_, err = winnow.Load("no such file.gguf", winnow.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = winnow.Load(".", winnow.Options{Threads: -1})
	require.ErrorContains(t, err, "-1 threads")
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	require.ErrorIs(t, s.Append(t.Context(), []int32{1}, winnow.AppendOptions{}), winnow.ErrClosed)
}

func TestLoadSessionRefuses(t *testing.T) {
	m := tiny(t, winnow.Options{})
	s := session(t, m, kvcache.Config{})
	write(t, s, "something", winnow.GenerateOptions{MaxTokens: 3})
	var file bytes.Buffer
	require.NoError(t, s.Save(&file))
	other := random(t, testmodel.Tiny(1), quant.F16, winnow.Options{})
	_, err := other.LoadSession(bytes.NewReader(file.Bytes()), kvcache.Config{})
	require.ErrorIs(t, err, winnow.ErrForeign)
	for _, at := range []int{40, 100, file.Len() - 40} {
		bad := bytes.Clone(file.Bytes())
		bad[at]++
		_, err = m.LoadSession(bytes.NewReader(bad), kvcache.Config{})
		require.True(t, errors.Is(err, winnow.ErrDamaged) || errors.Is(err, winnow.ErrForeign), "%v", err)
		_, err = m.LoadSession(bytes.NewReader(bad[:at]), kvcache.Config{})
		require.ErrorIs(t, err, winnow.ErrDamaged)
	}
}

// Text goes on with the space that a SentencePiece decoder drops at a beginning.
func TestGenerateGoesOnWithSpace(t *testing.T) {
	m, err := winnow.Load(refdata.Data(t, "models", "stories260K.gguf"), winnow.Options{})
	require.NoError(t, err)
	defer m.Close()
	_, text := write(t, session(t, m, kvcache.Config{}), "Once upon a time, there was", winnow.GenerateOptions{MaxTokens: 8})
	require.True(t, strings.HasPrefix(text, " a little"), "%q", text)
}
