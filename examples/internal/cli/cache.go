package cli

import (
	"flag"
	"slices"
	"strings"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

// Cache holds the flags that configure a session's cache.
type Cache struct {
	fs                            *flag.FlagSet
	Policy                        string
	Budget, observe, sink, stride int
	kernel                        int
	pin                           Ranges
	Bytes                         Size   // in place of Budget, 0: not given
	K, V                          string // names of formats
}

// method is a policy by its name on the command line.
type method struct {
	name  string
	heeds []string // flags
	make  func(c *Cache) kvcache.Policy
}

var methods = []method{
	{"none", nil, func(*Cache) kvcache.Policy { return nil }},
	{"window", []string{"budget", "sink"}, func(c *Cache) kvcache.Policy { return c.window() }},
	{"streamingllm", []string{"budget", "sink"}, func(c *Cache) kvcache.Policy {
		p := c.window()
		p.Renumber = true
		return p
	}},
	{"snapkv", []string{"budget", "observe", "kernel"}, func(c *Cache) kvcache.Policy { return c.snapKV() }},
	{"pyramidkv", []string{"budget", "observe", "kernel"}, func(c *Cache) kvcache.Policy { return policy.PyramidKV{Scorer: c.snapKV()} }},
	{"adakv", []string{"budget", "observe", "kernel"}, func(c *Cache) kvcache.Policy { return policy.AdaKV{Scorer: c.snapKV()} }},
	{"h2o", []string{"budget"}, func(c *Cache) kvcache.Policy {
		return policy.H2O{Heavy: c.Budget / 2, Recent: c.Budget - c.Budget/2}
	}},
	{"tova", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.TOVA{Budget: c.Budget} }},
	{"random", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.Random{Budget: c.Budget} }},
	{"expectedattention", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.ExpectedAttention{Budget: c.Budget} }},
	{"adakv-expectedattention", []string{"budget"}, func(c *Cache) kvcache.Policy {
		return policy.AdaKV{Scorer: policy.ExpectedAttention{Budget: c.Budget}}
	}},
	{"kvzip", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.KVzip{Budget: c.Budget} }},
	{"merge", []string{"budget", "observe", "kernel"}, func(c *Cache) kvcache.Policy { return policy.Merge{Policy: c.snapKV()} }},
	{"lookm", []string{"budget"}, func(c *Cache) kvcache.Policy { // without its preference for text: that is all there is here
		return policy.Merge{Policy: policy.LookM{Important: c.Budget / 2, Recent: c.Budget - c.Budget/2, NoPrior: true}}
	}},
	{"criticalkv", []string{"budget", "observe", "kernel"}, func(c *Cache) kvcache.Policy { return policy.CriticalKV{Scorer: c.snapKV()} }},
	{"keydiff", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.KeyDiff{Budget: c.Budget} }},
	{"lagkv", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.LagKV{Budget: c.Budget} }},
	{"curdkv", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.CurDKV{Budget: c.Budget} }},
	{"noncausalattention", []string{"budget"}, func(c *Cache) kvcache.Policy { return policy.NonCausalAttention{Budget: c.Budget} }},
	{"chunkkv", []string{"budget", "observe"}, func(c *Cache) kvcache.Policy { // chunks in place of pooling
		return policy.ChunkKV{Scorer: policy.SnapKV{Budget: c.Budget, Observe: c.observe, Kernel: 1}}
	}},
	{"chunkkv-keydiff", []string{"budget"}, func(c *Cache) kvcache.Policy {
		return policy.ChunkKV{Scorer: policy.KeyDiff{Budget: c.Budget}}
	}},
	{"chunkkv-expectedattention", []string{"budget"}, func(c *Cache) kvcache.Policy {
		return policy.ChunkKV{Scorer: policy.ExpectedAttention{Budget: c.Budget}}
	}},
	{"recycled", []string{"budget", "stride", "kernel"}, func(c *Cache) kvcache.Policy {
		return policy.Recycled{TopK: c.Budget, Stride: c.stride, Kernel: c.kernel}
	}},
}

// Policies returns the names that -policy takes.
func Policies() []string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = m.name
	}
	return names
}

func methodNames() string { return strings.Join(Policies(), ", ") }

// NewPolicy returns the policy of a name with a budget, and with a kernel if it
// pools, as the flags make it. "none" is nil.
func NewPolicy(name string, budget, kernel int) (kvcache.Policy, error) {
	fs := Flags("")
	c := CacheFlags(fs)
	c.Policy = name
	if name != "none" {
		c.Budget, c.kernel = budget, kernel
	}
	cfg, err := c.Config()
	return cfg.Policy, err
}

// CacheFlags adds -policy, -budget, -kv-bytes, -observe, -kernel, -sink, -stride,
// -pin, -k and -v.
func CacheFlags(fs *flag.FlagSet) *Cache {
	c := &Cache{fs: fs}
	formats := "format of cached %s: " + strings.Join(quant.Names(), ", ")
	fs.StringVar(&c.Policy, "policy", "none", "what stays in the cache, none being everything: "+methodNames())
	fs.IntVar(&c.Budget, "budget", 1024, "`rows` per KV head that the policy leaves, or that recycled shows")
	fs.IntVar(&c.observe, "observe", 0, "`rows` at the prompt's end that vote in snapkv and what is built on it, such as chunkkv; 0: 32, or half a small budget")
	fs.IntVar(&c.kernel, "kernel", 0, "neighbouring `rows` over which the same ones and recycled pool attention, odd; 0: 5, recycled 7")
	fs.IntVar(&c.sink, "sink", 4, "first `rows` among the budget of window, streamingllm")
	fs.IntVar(&c.stride, "stride", 10, "`tokens` from one full step of recycled to the next")
	fs.Var(&c.Bytes, "kv-bytes", "`size` of the whole cache, such as 64M, in place of -budget: the policy's rows are as many as fit when a prompt has ended")
	fs.Var(&c.pin, "pin", "`positions` whose rows stay beside the policy's budget, such as 0:32 for a system prompt of 32 tokens; several with commas between")
	fs.StringVar(&c.K, "k", "f16", strings.Replace(formats, "%s", "keys", 1))
	fs.StringVar(&c.V, "v", "f16", strings.Replace(formats, "%s", "values", 1))
	return c
}

// Config returns the configuration, or a usage error for values that make no
// sense and for flags that the chosen policy would not heed.
func (c *Cache) Config() (kvcache.Config, error) {
	var cfg kvcache.Config
	var err error
	if cfg.K, err = quant.ByName(c.K); err != nil {
		return cfg, Usagef("-k: %v", err)
	}
	if cfg.V, err = quant.ByName(c.V); err != nil {
		return cfg, Usagef("-v: %v", err)
	}
	i := slices.IndexFunc(methods, func(m method) bool { return m.name == c.Policy })
	if i < 0 {
		return cfg, Usagef("-policy: got %q, want one of %s", c.Policy, methodNames())
	}
	if err := c.check(methods[i]); err != nil {
		return cfg, err
	}
	cfg.Policy, cfg.Pin, cfg.MaxBytes = methods[i].make(c), c.pin, int64(c.Bytes)
	if p, ok := cfg.Policy.(kvcache.Checker); ok {
		if err := p.Check(kvcache.Shape{}, cfg); err != nil {
			return cfg, Usagef("%v", err)
		}
	}
	return cfg, nil
}

// check refuses flags that m does not heed and numbers that no policy takes.
func (c *Cache) check(m method) error {
	for _, name := range Given(c.fs, "budget", "observe", "kernel", "sink", "stride") {
		if !slices.Contains(m.heeds, name) {
			return Usagef("-%s does nothing with -policy %s", name, m.name)
		}
	}
	least := 1
	if m.name == "h2o" || m.name == "lookm" {
		least = 2 // an important one and a recent one
	}
	switch {
	case m.heeds == nil && c.pin != nil:
		return Usagef("-pin does nothing with -policy %s", m.name)
	case m.heeds == nil && c.Bytes != 0:
		return Usagef("-kv-bytes does nothing with -policy %s", m.name)
	case c.Bytes != 0 && len(Given(c.fs, "budget")) > 0:
		return Usagef("-budget and -kv-bytes: got both, want one of them")
	case m.heeds != nil && c.Budget < least:
		return Usagef("-budget: got %d rows, want at least %d", c.Budget, least)
	case slices.Contains(m.heeds, "sink") && (c.sink < 0 || c.sink >= c.Budget):
		return Usagef("-sink: got %d rows, want 0 or more and fewer than the budget of %d", c.sink, c.Budget)
	case c.stride < 1:
		return Usagef("-stride: got %d tokens, want at least 1", c.stride)
	}
	return nil
}

func (c *Cache) snapKV() policy.SnapKV {
	return policy.SnapKV{Budget: c.Budget, Observe: c.observe, Kernel: c.kernel}
}

func (c *Cache) window() policy.Window {
	p := policy.Window{Sink: c.sink, Recent: c.Budget - c.sink}
	if c.sink == 0 {
		p.Sink = -1
	}
	return p
}
