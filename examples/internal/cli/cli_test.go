package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

func TestExit(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
		say  string
	}{
		{nil, OK, ""},
		{flag.ErrHelp, OK, ""},
		{errors.New("no such file"), Failure, "prog: no such file\n"},
		{Usagef("-n: got %d", -1), WrongUsage, "prog: -n: got -1\n(prog -h lists the flags)\n"},
		{fmt.Errorf("reading: %w", context.Canceled), Interrupted, ""},
	} {
		var b bytes.Buffer
		assert.Equal(t, c.want, Exit(&b, "prog", c.err), "%v", c.err)
		assert.Equal(t, c.say, b.String())
	}
}

func TestParse(t *testing.T) {
	parse := func(args ...string) (string, error) {
		fs := Flags("prog")
		fs.Int("n", 3, "`tokens` to write")
		var b bytes.Buffer
		err := Parse(fs, args, "[flags]", &b)
		return b.String(), err
	}
	out, err := parse("-n", "4")
	require.NoError(t, err)
	assert.Empty(t, out)
	out, err = parse("-h")
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, out, "usage: prog [flags]")
	assert.Contains(t, out, "-n tokens")
	for _, args := range [][]string{{"-m", "4"}, {"-n", "x"}, {"-n", "4", "more"}} {
		out, err = parse(args...)
		assert.Equal(t, WrongUsage, Exit(io.Discard, "prog", err), "%v", args)
		assert.Empty(t, out)
	}
}

func TestInts(t *testing.T) {
	var l Ints
	require.NoError(t, l.Set("0, 4096,17"))
	assert.Equal(t, Ints{0, 4096, 17}, l)
	assert.Equal(t, "0,4096,17", l.String())
	for _, bad := range []string{"", "1,", "-1", "x", "2147483648", "1 2"} {
		assert.Error(t, l.Set(bad), "%q", bad)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"1": 1, "65536": 65536, "64K": 65536, "1.5M": 3 << 19, "2G": 2 << 30} {
		var s Size
		require.NoError(t, s.Set(text))
		assert.Equal(t, want, s, text)
	}
	var s Size
	for _, bad := range []string{"", "K", "0", "-1", "0.5", "1T", "1KK", "nan", "inf", "1e300", "9999999G"} {
		assert.Error(t, s.Set(bad), "%q", bad)
	}
}

func TestRanges(t *testing.T) {
	var l Ranges
	require.NoError(t, l.Set("0:32, 100:120"))
	assert.Equal(t, Ranges{{From: 0, To: 32}, {From: 100, To: 120}}, l)
	assert.Equal(t, "0:32,100:120", l.String())
	for _, bad := range []string{"", "32", "4:4", "5:4", "-1:4", "0:32,", "0:2147483648", "a:b"} {
		assert.Error(t, l.Set(bad), "%q", bad)
	}
}

func TestText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(file, []byte("of a file\n"), 0o600))
	read := func(args ...string) (string, error) {
		fs := Flags("prog")
		text := TextFlags(fs, "prompt", "the text")
		require.NoError(t, Parse(fs, args, "", io.Discard))
		if err := text.Check(); err != nil {
			return "", err
		}
		return text.Read(context.Background(), strings.NewReader("of stdin"))
	}
	for want, args := range map[string][]string{
		"of stdin": nil, "of a file\n": {"-file", file}, "of a flag": {"-prompt", "of a flag"}, "": {"-prompt", ""},
	} {
		got, err := read(args...)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := read("-prompt", "", "-file", file)
	assert.Equal(t, WrongUsage, Exit(io.Discard, "prog", err))
	_, err = read("-file", file+"x")
	assert.Equal(t, Failure, Exit(io.Discard, "prog", err))
}

// A program that waits for its input can be interrupted.
func TestTextInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	r, w := io.Pipe()
	defer w.Close()
	text := TextFlags(Flags("prog"), "prompt", "the text")
	_, err := text.Read(ctx, r)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestCache(t *testing.T) {
	config := func(args string) (kvcache.Config, error) {
		fs := Flags("prog")
		c := CacheFlags(fs)
		require.NoError(t, Parse(fs, strings.Fields(args), "", io.Discard))
		return c.Config()
	}
	for args, want := range map[string]kvcache.Config{
		"":                                    {K: quant.F16, V: quant.F16},
		"-k int8 -v f32":                      {K: quant.Int8, V: quant.F32},
		"-policy none":                        {K: quant.F16, V: quant.F16},
		"-policy window":                      {K: quant.F16, V: quant.F16, Policy: policy.Window{Sink: 4, Recent: 1020}},
		"-policy window -budget 64 -sink 0":   {K: quant.F16, V: quant.F16, Policy: policy.Window{Sink: -1, Recent: 64}},
		"-policy window -budget 64 -sink 63":  {K: quant.F16, V: quant.F16, Policy: policy.Window{Sink: 63, Recent: 1}},
		"-policy snapkv -budget 8 -observe 2": {K: quant.F16, V: quant.F16, Policy: policy.SnapKV{Budget: 8, Observe: 2}},
		"-policy streamingllm -budget 64":     {K: quant.F16, V: quant.F16, Policy: policy.Window{Sink: 4, Recent: 60, Renumber: true}},
		"-policy pyramidkv -budget 64":        {K: quant.F16, V: quant.F16, Policy: policy.PyramidKV{Scorer: policy.SnapKV{Budget: 64}}},
		"-policy adakv -observe 8":            {K: quant.F16, V: quant.F16, Policy: policy.AdaKV{Scorer: policy.SnapKV{Budget: 1024, Observe: 8}}},
		"-policy h2o -budget 65":              {K: quant.F16, V: quant.F16, Policy: policy.H2O{Heavy: 32, Recent: 33}},
		"-policy tova -budget 64":             {K: quant.F16, V: quant.F16, Policy: policy.TOVA{Budget: 64}},
		"-policy snapkv -kernel 9":            {K: quant.F16, V: quant.F16, Policy: policy.SnapKV{Budget: 1024, Kernel: 9}},
		"-policy lagkv -budget 64":            {K: quant.F16, V: quant.F16, Policy: policy.LagKV{Budget: 64}},
		"-policy curdkv -budget 64":           {K: quant.F16, V: quant.F16, Policy: policy.CurDKV{Budget: 64}},
		"-policy chunkkv -budget 64":          {K: quant.F16, V: quant.F16, Policy: policy.ChunkKV{Scorer: policy.SnapKV{Budget: 64, Kernel: 1}}},
		"-policy keydiff":                     {K: quant.F16, V: quant.F16, Policy: policy.KeyDiff{Budget: 1024}},
		"-policy recycled -stride 5":          {K: quant.F16, V: quant.F16, Policy: policy.Recycled{TopK: 1024, Stride: 5}},
		"-policy lookm -budget 65":            {K: quant.F16, V: quant.F16, Policy: policy.Merge{Policy: policy.LookM{Important: 32, Recent: 33, NoPrior: true}}},
		"-policy tova -kv-bytes 1.5M":         {K: quant.F16, V: quant.F16, Policy: policy.TOVA{Budget: 1024}, MaxBytes: 3 << 19},
		"-policy tova -pin 0:4,9:12":          {K: quant.F16, V: quant.F16, Policy: policy.TOVA{Budget: 1024}, Pin: []kvcache.Range{{To: 4}, {From: 9, To: 12}}},
		"-policy snapkv -budget 1 -k bf16":    {K: quant.BF16, V: quant.F16, Policy: policy.SnapKV{Budget: 1}},
	} {
		got, err := config(args)
		require.NoError(t, err, args)
		assert.Equal(t, want, got, args)
	}
	for args, say := range map[string]string{
		"-k f12":                              "f12",
		"-v f12":                              "-v",
		"-policy best":                        "want one of none, window",
		"-budget 64":                          "-budget does nothing with -policy none",
		"-policy tova -kernel 5":              "-kernel does nothing with -policy tova",
		"-policy tova -stride 5":              "-stride does nothing with -policy tova",
		"-policy recycled -stride 0":          "at least 1",
		"-policy h2o -budget 1":               "at least 2",
		"-policy lookm -budget 1":             "at least 2",
		"-kv-bytes 64M":                       "-kv-bytes does nothing with -policy none",
		"-pin 0:4":                            "-pin does nothing with -policy none",
		"-policy streamingllm -pin 4:8":       "Pin from 4 to 8",
		"-policy tova -budget 4 -kv-bytes 1K": "want one of them",
		"-policy none -observe 8":             "-observe does nothing",
		"-policy window -observe 8":           "-observe does nothing",
		"-policy snapkv -sink 8":              "-sink does nothing",
		"-policy snapkv -budget 0":            "at least 1",
		"-policy snapkv -budget 8 -observe 9": "Observe 9",
		"-policy window -budget 4":            "-sink",
		"-policy window -sink -1":             "-sink",
	} {
		_, err := config(args)
		assert.Equal(t, WrongUsage, Exit(io.Discard, "prog", err), args)
		assert.ErrorContains(t, err, say, args)
	}
}

func TestShow(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB",
		5 << 29: "2.5 GiB", 1 << 50: "1024.0 TiB",
	} {
		assert.Equal(t, want, Bytes(n))
	}
	assert.Equal(t, 20.0, Rate(10, time.Second/2))
	assert.Zero(t, Rate(0, time.Second))
	assert.Zero(t, Rate(10, 0))
	samples := []float64{4, 1, 3}
	assert.Equal(t, 3.0, Median(samples))
	assert.Equal(t, 2.5, Median([]float64{4, 1, 3, 2}))
	assert.Equal(t, []float64{4, 1, 3}, samples)
	assert.False(t, IsTerminal(&bytes.Buffer{}))
	var b bytes.Buffer
	require.NoError(t, WriteJSON(&b, []string{"<s>"}))
	assert.Equal(t, "[\"<s>\"]\n", b.String())
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, "reading")
	p.Show(1, 4)
	p.End()
	assert.Empty(t, b.String(), "a short task")
	p.next = time.Time{}
	p.Show(1, 4)
	p.Show(2, 4)
	p.End()
	assert.Equal(t, "reading: 25 %\n", b.String())
	b.Reset()
	p = &Progress{w: &b, what: "reading", terminal: true, begun: time.Now()}
	p.Show(1, 4)
	p.begun = p.begun.Add(-time.Minute)
	p.Show(3, 4)
	p.End()
	p.End()
	assert.Equal(t, "\rreading: 25 %\x1b[K\rreading: 75 %, about 20s left\x1b[K\r\x1b[K", b.String())
}

func TestNewPolicy(t *testing.T) {
	for _, name := range Policies() {
		p, err := NewPolicy(name, 64, 9)
		require.NoError(t, err)
		assert.Equal(t, name == "none", p == nil, name)
	}
	p, err := NewPolicy("window", 64, 9)
	require.NoError(t, err)
	assert.Equal(t, policy.Window{Sink: 4, Recent: 60}, p)
	p, err = NewPolicy("pyramidkv", 64, 9)
	require.NoError(t, err)
	assert.Equal(t, policy.PyramidKV{Scorer: policy.SnapKV{Budget: 64, Kernel: 9}}, p)
	_, err = NewPolicy("recycled", 64, 8)
	assert.ErrorContains(t, err, "Kernel 8")
	_, err = NewPolicy("window", 3, 0)
	assert.ErrorContains(t, err, "-sink")
	_, err = NewPolicy("best", 64, 0)
	assert.ErrorContains(t, err, "want one of")
}
