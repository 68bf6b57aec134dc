package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/examples/internal/speed"
	"github.com/winnowlm/winnow/internal/cpu"
	"github.com/winnowlm/winnow/kvcache"
)

// line is a result. The peer's has two more fields, which tell how busy the
// machine was.
type line struct {
	Model   string    `json:"model"`
	Test    string    `json:"test"`
	Depth   int       `json:"depth"`
	Threads int       `json:"threads"`
	KV      string    `json:"kv"`
	Rate    float64   `json:"tok_s"` // the median
	Best    float64   `json:"best"`
	Samples []float64 `json:"samples"`
	Level   string    `json:"level"`
	Bytes   int64     `json:"kv_bytes"`
}

func bench(ctx context.Context, model string, args []string, stdout io.Writer) error {
	plan := speed.Plan{Prompt: []int{128, 512}, Generate: []int{64}, Depths: []int{0}, Threads: []int{1, 2}}
	fs := cli.Flags("probe bench")
	fs.Var((*cli.Ints)(&plan.Prompt), "pp", "`tokens` to read")
	fs.Var((*cli.Ints)(&plan.Generate), "tg", "`tokens` to generate")
	fs.Var((*cli.Ints)(&plan.Depths), "depth", "`tokens` read before")
	fs.Var((*cli.Ints)(&plan.Threads), "threads", "`numbers` of goroutines that compute")
	kv := fs.String("kv", "f16", "`formats` of the cache, such as f16,int8")
	fs.IntVar(&plan.Repeats, "reps", 5, "repeats of each test")
	if err := cli.Parse(fs, args, "MODEL [flags]", stdout); err != nil {
		return err
	}
	if plan.Repeats < 1 {
		return cli.Usagef("-reps: got %d, want at least 1", plan.Repeats)
	}
	if slices.Min(plan.Threads) < 1 || slices.Max(plan.Threads) > cli.MaxThreads {
		return cli.Usagef("-threads: got %v, want numbers from 1 to %d", plan.Threads, cli.MaxThreads)
	}
	names := strings.Split(*kv, ",")
	configs := make([]kvcache.Config, len(names))
	for i, name := range names {
		var err error
		if configs[i], err = formats(name); err != nil {
			return err
		}
	}
	open := func(o winnow.Options) (*winnow.Model, error) { return winnow.Load(model, o) }
	for i, name := range names {
		plan.Cache = configs[i]
		err := plan.Run(ctx, open, func(r speed.Result) error {
			l := line{filepath.Base(model), r.Test, r.Depth, r.Threads, name,
				round(cli.Median(r.Rates), 2), round(slices.Max(r.Rates), 2), r.Rates, cpu.Current.String(), r.CacheBytes}
			return cli.WriteJSON(stdout, l)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
