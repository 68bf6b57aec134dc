package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"flag"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

// session holds the flags of the verbs that run the model once.
type session struct {
	in      *input
	threads int
	kv      string
}

func sessionFlags(fs *flag.FlagSet) *session {
	s := &session{in: inputFlags(fs)}
	fs.IntVar(&s.threads, "threads", 0, "goroutines that compute; 0: one per processor")
	fs.StringVar(&s.kv, "kv", "f16", "format of the cache: "+strings.Join(quant.Names(), ", "))
	return s
}

// with opens the model and calls use with an empty session and the ids.
func (s *session) with(path string, use func(*winnow.Model, *winnow.Session, []int32) error) error {
	cfg, err := formats(s.kv)
	if err != nil {
		return err
	}
	if s.threads < 0 || s.threads > cli.MaxThreads {
		return cli.Usagef("-threads: got %d, want 0 to %d", s.threads, cli.MaxThreads)
	}
	m, err := winnow.Load(path, winnow.Options{Threads: s.threads})
	if err != nil {
		return err
	}
	defer m.Close()
	ids, err := s.in.ids(m.Tokenizer())
	if err != nil {
		return err
	}
	run, err := m.NewSession(cfg)
	if err != nil {
		return err
	}
	return use(m, run, ids)
}

// formats returns a cache that keeps everything in the format of that name.
func formats(kv string) (kvcache.Config, error) {
	f, err := quant.ByName(kv)
	if err != nil {
		return kvcache.Config{}, cli.Usagef("-kv: %v", err)
	}
	return kvcache.Config{K: f, V: f}, nil
}

func logits(ctx context.Context, model string, args []string, stdout io.Writer) error {
	fs := cli.Flags("probe logits")
	flags := sessionFlags(fs)
	out := fs.String("o", "", "`file` for the logits, little-endian float32")
	all := fs.Bool("all", false, "logits of every position instead of the last")
	if err := cli.Parse(fs, args, "MODEL [flags]", stdout); err != nil {
		return err
	}
	return flags.with(model, func(m *winnow.Model, s *winnow.Session, ids []int32) error {
		var o winnow.AppendOptions
		for j := range ids {
			if *all {
				o.Out = append(o.Out, int32(j))
			}
		}
		if err := s.Append(ctx, ids, o); err != nil {
			return err
		}
		if *out != "" {
			if err := save(*out, s.Logits()); err != nil {
				return err
			}
		}
		vocab := m.Config().VocabSize
		return cli.WriteJSON(stdout, struct {
			IDs   []int32  `json:"ids"`
			Vocab int      `json:"n_vocab"`
			Rows  int      `json:"rows"`
			Top   [][2]any `json:"top"`
		}{ids, vocab, len(s.Logits()) / vocab, top(last(s.Logits(), vocab), 5)})
	})
}

func save(path string, x []float32) error {
	data := make([]byte, 0, 4*len(x))
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return os.WriteFile(path, data, 0o666)
}

func greedy(ctx context.Context, model string, args []string, stdout io.Writer) error {
	fs := cli.Flags("probe greedy")
	flags := sessionFlags(fs)
	n := fs.Int("n", 32, "`tokens` to generate")
	if err := cli.Parse(fs, args, "MODEL [flags]", stdout); err != nil {
		return err
	}
	if *n < 1 {
		return cli.Usagef("-n: got %d tokens, want at least 1", *n)
	}
	return flags.with(model, func(m *winnow.Model, s *winnow.Session, prompt []int32) error {
		var ids []int32
		var gaps []float64
		var text strings.Builder
		for token, err := range s.GenerateTokens(ctx, prompt, winnow.GenerateOptions{MaxTokens: *n, IgnoreEnd: true}) {
			if err != nil {
				return err
			}
			if token.ID < 0 {
				continue
			}
			best := top(last(s.Logits(), m.Config().VocabSize), 2)
			ids = append(ids, token.ID)
			gaps = append(gaps, round(best[0][1].(float64)-best[1][1].(float64), 4))
			if t := m.Tokenizer(); t != nil {
				text.WriteString(t.Text(token.ID))
			}
		}
		return cli.WriteJSON(stdout, struct {
			Prompt []int32   `json:"prompt_ids"`
			IDs    []int32   `json:"ids"`
			Gaps   []float64 `json:"gap"`
			Text   string    `json:"text"`
		}{prompt, ids, gaps, escape(text.String())})
	})
}

func last(logits []float32, vocab int) []float32 { return logits[len(logits)-vocab:] }

// top returns the n largest logits as pairs of id and value.
func top(logits []float32, n int) [][2]any {
	ids := make([]int, len(logits))
	for id := range ids {
		ids[id] = id
	}
	slices.SortStableFunc(ids, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	pairs := make([][2]any, min(n, len(ids)))
	for j := range pairs {
		pairs[j] = [2]any{ids[j], round(float64(logits[ids[j]]), 5)}
	}
	return pairs
}

func round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}
