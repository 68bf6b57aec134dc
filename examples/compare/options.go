package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/pocket"
	"github.com/winnowlm/winnow/quant"
)

type options struct {
	model, out, text string
	policies         []string
	keep             []float64 // shares, from the largest
	positions        []eval.Position
	tasks            []eval.Named
	hay              eval.Hay
	length, n, max   int
	kernel, parallel int
	seed             uint64
	k, v             quant.Format
	picture          float64 // the share in the pictures of needles and of rows
}

func parse(args []string, stdout io.Writer) (o options, err error) {
	fs := cli.Flags("compare")
	fs.StringVar(&o.model, "model", "", "`path` of a .gguf or .safetensors file or a Hugging Face folder; none: the small model in this program")
	fs.StringVar(&o.out, "out", "comparison", "`folder` for the report, made if need be")
	policies := fs.String("policies", "snapkv,adakv,h2o,tova,keydiff,expectedattention,streamingllm,recycled,random", "`names` of policies with commas between, of "+strings.Join(cli.Policies()[1:], ", "))
	keep := fs.String("keep", "50,25,12.5,6", "`percents` of the prompt's rows that policies keep")
	picture := fs.Float64("picture", 25, "`percent` kept in the pictures of needles and of rows")
	fs.IntVar(&o.kernel, "kernel", 21, "neighbouring `rows` over which policies pool attention, if they do; odd, 0: each policy's default")
	positions := fs.String("question", "after,later", "where the question stands: after the text in the same prompt, around it, later in a prompt of its own, or before it")
	tasks := fs.String("tasks", "niah_single_2,niah_single_3,niah_multikey_1,niah_multikey_2", "`names` of RULER's tasks, or all: "+strings.Join(taskNames(eval.RULER(eval.Noise())), ", "))
	haystack := fs.String("haystack", "", "text `file` in which facts are hidden; sentences made up if empty")
	fs.StringVar(&o.text, "text", "", "text `file` on which the loss is taken; sentences made up if empty")
	fs.IntVar(&o.length, "length", 1024, "`tokens` of a prompt and its answer")
	fs.IntVar(&o.n, "n", 5, "samples of each task")
	fs.IntVar(&o.max, "answer", 0, "`tokens` of an answer at most; 0: as many as RULER's tasks have")
	fs.IntVar(&o.parallel, "parallel", runtime.GOMAXPROCS(0), "samples answered at the same time")
	fs.Uint64Var(&o.seed, "seed", 1, "`number` that chooses the samples")
	k := fs.String("k", "f16", "format of cached keys: "+strings.Join(quant.Names(), ", "))
	v := fs.String("v", "f16", "format of cached values")
	if err := cli.Parse(fs, args, "[-model FILE|DIR] [flags]", stdout); err != nil {
		return o, err
	}
	if o.k, err = quant.ByName(*k); err != nil {
		return o, cli.Usagef("-k: %v", err)
	}
	if o.v, err = quant.ByName(*v); err != nil {
		return o, cli.Usagef("-v: %v", err)
	}
	for _, c := range []struct {
		name     string
		got      int
		low, top int
	}{{"length", o.length, 64, 1 << 20}, {"n", o.n, 1, 10000}, {"answer", o.max, 0, 1 << 12}, {"parallel", o.parallel, 1, cli.MaxThreads}} {
		if c.got < c.low || c.got > c.top {
			return o, cli.Usagef("-%s: got %d, want %d to %d", c.name, c.got, c.low, c.top)
		}
	}
	if o.keep, err = percents(*keep); err != nil {
		return o, cli.Usagef("-keep: %v", err)
	}
	o.picture = *picture / 100
	if !(o.picture > 0 && o.picture <= 1) {
		return o, cli.Usagef("-picture: got %v, want a percent above 0", *picture)
	}
	if o.positions, err = choose(*positions, []eval.Position{eval.After, eval.Around, eval.Later, eval.Before}, eval.Position.String); err != nil {
		return o, cli.Usagef("-question: %v", err)
	}
	if err := o.choosePolicies(*policies); err != nil {
		return o, err
	}
	if o.hay, err = hay(*haystack); err != nil {
		return o, err
	}
	all := eval.RULER(o.hay)
	if *tasks == "all" {
		*tasks = strings.Join(taskNames(all), ",")
	}
	if o.tasks, err = choose(*tasks, all, func(t eval.Named) string { return t.Name }); err != nil {
		return o, cli.Usagef("-tasks: %v", err)
	}
	return o, nil
}

// open opens the model that was asked for, else the one in the program.
// Samples are answered side by side, which uses processors better than sharing
// out the products of a small model.
func (o *options) open() (*winnow.Model, error) {
	load := winnow.Options{Threads: 1}
	if o.model == "" {
		return pocket.Open(load)
	}
	return winnow.Load(o.model, load)
}

// name is the model's in the report.
func (o *options) name() string {
	if o.model == "" {
		return "pocket"
	}
	return filepath.Base(o.model)
}

// choosePolicies refuses unknown policies and budgets that they cannot have.
func (o *options) choosePolicies(names string) error {
	known := func(name string) string { return name }
	var err error
	if o.policies, err = choose(names, cli.Policies()[1:], known); err != nil {
		return cli.Usagef("-policies: %v", err)
	}
	for _, name := range o.policies {
		for _, keep := range append(slices.Clone(o.keep), o.picture) {
			if _, err := cli.NewPolicy(name, o.rows(keep, o.length), o.kernel); err != nil {
				return cli.Usagef("%s with %s of %d tokens: %v", name, percent(keep), o.length, err)
			}
		}
	}
	return nil
}

// rows is the budget that keeps a share of so many tokens.
func (o *options) rows(keep float64, tokens int) int { return int(keep*float64(tokens) + 0.5) }

// cache returns the configuration that keeps a share under a policy.
func (o *options) cache(policy string, keep float64) func(tokens int) kvcache.Config {
	return func(tokens int) kvcache.Config {
		p, err := cli.NewPolicy(policy, o.rows(keep, tokens), o.kernel)
		if err != nil { // a prompt shorter than -length allows for
			p, _ = cli.NewPolicy(policy, o.rows(keep, o.length), o.kernel)
		}
		return kvcache.Config{K: o.k, V: o.v, Policy: p}
	}
}

func hay(file string) (eval.Hay, error) {
	if file == "" {
		return eval.Prose(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return eval.Hay{}, err
	}
	h, err := eval.Text(string(data))
	if err != nil {
		return h, fmt.Errorf("%s: %w", file, err)
	}
	return h, nil
}

func taskNames(tasks []eval.Named) []string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	return names
}

// choose returns those of all whose names a list has, in its order.
func choose[T any](list string, all []T, name func(T) string) ([]T, error) {
	var chosen []T
	for _, word := range strings.Split(list, ",") {
		i := slices.IndexFunc(all, func(x T) bool { return name(x) == strings.TrimSpace(word) })
		if i < 0 {
			return nil, fmt.Errorf("got %q, which is none of those that -h lists", word)
		}
		if slices.ContainsFunc(chosen, func(x T) bool { return name(x) == name(all[i]) }) {
			return nil, fmt.Errorf("got %q twice", word)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// percents returns shares from the largest on.
func percents(list string) ([]float64, error) {
	var shares []float64
	for _, word := range strings.Split(list, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || !(x > 0 && x <= 100) {
			return nil, fmt.Errorf("%q is no percent above 0", word)
		}
		shares = append(shares, x/100)
	}
	slices.Sort(shares)
	shares = slices.Compact(shares)
	slices.Reverse(shares)
	return shares, nil
}

// percent writes a share such as "12.5 %".
func percent(share float64) string {
	return strconv.FormatFloat(100*share, 'g', 4, 64) + " %"
}
