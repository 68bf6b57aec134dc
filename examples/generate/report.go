package main

import (
	"fmt"
	"io"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/quant"
)

// report says what was written and what it took.
type report struct {
	Text              string  `json:"text"`
	Tokens            int     `json:"tokens"` // generated
	PromptTokens      int     `json:"prompt_tokens"`
	PrefillRate       float64 `json:"prefill_tok_s"`
	DecodeRate        float64 `json:"decode_tok_s"`
	FirstTokenSeconds float64 `json:"ttft_s"`
	CacheBytes        int64   `json:"kv_bytes"`
	CachePeak         int64   `json:"kv_peak_bytes"`
	CacheFull         int64   `json:"kv_bytes_full_f16"` // of every row, at two bytes a value
}

// count fills in the session's own numbers.
func (r *report) count(s *winnow.Session) {
	st, c := s.Stats(), s.Cache()
	r.PrefillRate = cli.Rate(st.PromptTokens, st.PromptTime)
	r.DecodeRate = cli.Rate(st.GeneratedTokens, st.DecodeTime)
	r.CacheBytes, r.CachePeak = c.Bytes(), c.Peak()
	r.CacheFull = c.Shape().FullBytes(quant.F16, quant.F16, st.PromptTokens+st.GeneratedTokens)
}

func (r report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%-10s %8s %10s\n", "", "tokens", "tok/s")
	fmt.Fprintf(w, "%-10s %8d %10.2f\n", "prompt", r.PromptTokens, r.PrefillRate)
	fmt.Fprintf(w, "%-10s %8d %10.2f   first after %.3f s\n", "generated", r.Tokens, r.DecodeRate, r.FirstTokenSeconds)
	fmt.Fprintf(w, "%-10s %s now, %s at peak; all of it in f16: %s\n", "cache",
		cli.Bytes(r.CacheBytes), cli.Bytes(r.CachePeak), cli.Bytes(r.CacheFull))
}
