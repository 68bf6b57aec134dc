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
	fs                    *flag.FlagSet
	Policy                string // none, window, snapkv
	Budget, observe, sink int
	K, V                  string // names of formats
}

// CacheFlags adds -policy, -budget, -observe, -sink, -k and -v.
func CacheFlags(fs *flag.FlagSet) *Cache {
	c := &Cache{fs: fs}
	formats := "format of cached %s: " + strings.Join(quant.Names(), ", ")
	fs.StringVar(&c.Policy, "policy", "none", "what stays in the cache: none (everything), window, snapkv")
	fs.IntVar(&c.Budget, "budget", 1024, "`rows` per KV head that the policy leaves")
	fs.IntVar(&c.observe, "observe", 0, "`rows` at the prompt's end that vote in snapkv; 0: 32, or half a small budget")
	fs.IntVar(&c.sink, "sink", 4, "first `rows` among the budget of window")
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
	heeded := map[string][]string{"none": nil, "window": {"budget", "sink"}, "snapkv": {"budget", "observe"}}
	own, ok := heeded[c.Policy]
	if !ok {
		return cfg, Usagef("-policy: got %q, want none, window or snapkv", c.Policy)
	}
	for _, name := range Given(c.fs, "budget", "observe", "sink") {
		if !slices.Contains(own, name) {
			return cfg, Usagef("-%s does nothing with -policy %s", name, c.Policy)
		}
	}
	if cfg.Policy, err = c.policy(); err != nil {
		return cfg, err
	}
	if p, ok := cfg.Policy.(kvcache.Checker); ok {
		if err := p.Check(kvcache.Shape{}, cfg); err != nil {
			return cfg, Usagef("%v", err)
		}
	}
	return cfg, nil
}

func (c *Cache) policy() (kvcache.Policy, error) {
	if c.Policy == "none" {
		return nil, nil
	}
	if c.Budget < 1 {
		return nil, Usagef("-budget: got %d rows, want at least 1", c.Budget)
	}
	if c.Policy == "snapkv" {
		return policy.SnapKV{Budget: c.Budget, Observe: c.observe}, nil
	}
	if c.sink < 0 || c.sink >= c.Budget {
		return nil, Usagef("-sink: got %d rows, want 0 or more and fewer than the budget of %d", c.sink, c.Budget)
	}
	p := policy.Window{Sink: c.sink, Recent: c.Budget - c.sink}
	if c.sink == 0 {
		p.Sink = -1
	}
	return p, nil
}
