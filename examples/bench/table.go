package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/klauspost/cpuid/v2"

	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/examples/internal/speed"
	"github.com/winnowlm/winnow/internal/cpu"
)

// setting is what all results have in common.
type setting struct {
	Model      string `json:"model"`
	Bytes      int64  `json:"bytes"`
	Parameters int64  `json:"parameters"`
	CPU        string `json:"cpu"`
	Level      string `json:"level"` // the instructions that the kernels really use
	K          string `json:"k"`
	V          string `json:"v"`
	Policy     string `json:"policy"`
	Budget     int    `json:"budget"`       // 0 without a policy, or with bytes
	MaxBytes   int64  `json:"kv_max_bytes"` // 0 without
}

// result is a line of JSON.
type result struct {
	setting
	Test       string    `json:"test"`
	Depth      int       `json:"depth"`
	Threads    int       `json:"threads"`
	Rate       float64   `json:"tok_s"` // the median
	Min        float64   `json:"min"`
	Max        float64   `json:"max"`
	Samples    []float64 `json:"samples"`
	CacheBytes int64     `json:"kv_bytes"`
	CachePeak  int64     `json:"kv_peak_bytes"`
}

func machine() setting {
	brand := cmp.Or(cpuid.CPU.BrandName, "unknown "+runtime.GOARCH)
	return setting{CPU: brand, Level: cpu.Current.String()}
}

// table prints results as they come.
type table struct {
	w      io.Writer
	head   setting
	json   bool
	headed bool
}

func (t *table) row(r speed.Result) error {
	rate, low, high := cli.Median(r.Rates), slices.Min(r.Rates), slices.Max(r.Rates)
	if t.json {
		return cli.WriteJSON(t.w, result{t.head, r.Test, r.Depth, r.Threads, rate, low, high, r.Rates, r.CacheBytes, r.CachePeak})
	}
	if !t.headed {
		t.headed = true
		if err := t.header(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(t.w, "| %-14s | %7d | %10.2f | %21s | %10s | %10s |\n", test(r), r.Threads, rate,
		fmt.Sprintf("%.2f to %.2f", low, high), cli.Bytes(r.CacheBytes), cli.Bytes(r.CachePeak))
	return err
}

// test names a test as llama-bench does.
func test(r speed.Result) string {
	if r.Depth == 0 {
		return r.Test
	}
	return fmt.Sprintf("%s @ d%d", r.Test, r.Depth)
}

func (t *table) header() error {
	s := t.head
	policy := s.Policy
	if s.Budget > 0 {
		policy = fmt.Sprintf("%s, budget %d", policy, s.Budget)
	}
	if s.MaxBytes > 0 {
		policy = fmt.Sprintf("%s, budget %s", policy, cli.Bytes(s.MaxBytes))
	}
	_, err := fmt.Fprintf(t.w, "model %s: %.2f M parameters, %s\ncpu   %s: %s\ncache k %s, v %s; policy %s\n\n"+
		"| %-14s | %7s | %10s | %21s | %10s | %10s |\n|%s|%s:|%s:|%s:|%s:|%s:|\n",
		s.Model, float64(s.Parameters)/1e6, cli.Bytes(s.Bytes), s.CPU, s.Level, s.K, s.V, policy,
		"test", "threads", "tok/s", "spread", "cache", "its peak",
		dashes(16), dashes(8), dashes(11), dashes(22), dashes(11), dashes(11))
	return err
}

func dashes(n int) string {
	return "--------------------------------"[:n]
}
