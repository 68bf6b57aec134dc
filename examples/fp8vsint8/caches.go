package main

import (
	"context"
	"fmt"
	"math"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

// pairs are formats for cached keys and values; the first is what the others are
// compared with.
var pairs = []struct {
	name string
	k, v quant.Format
}{
	{"f16", quant.F16, quant.F16},
	{"int8", quant.Int8, quant.Int8},
	{"fp8-e4m3", quant.FP8E4M3, quant.FP8E4M3},
	{"fp8-e5m2", quant.FP8E5M2, quant.FP8E5M2},
	{"KIVI, 4 bits", quant.Int4Channel, quant.Int4},
	{"KIVI, 2 bits", quant.Int2Channel, quant.Int2},
}

// kept says what survives of the first half of a text.
var kept = []struct {
	name   string
	policy func(prompt int) kvcache.Policy
}{
	{"everything", func(int) kvcache.Policy { return nil }},
	{"25 %, by SnapKV", func(prompt int) kvcache.Policy { return policy.SnapKV{Budget: max(1, prompt/4)} }},
}

// cached is the change of the loss with a pair of formats, on each text and on
// all, beside the first pair with the same rows kept.
type cached struct {
	kept, pair string
	texts      []eval.Delta // nats a token
	all        eval.Delta
}

// evict reads half of each window as a prompt, after which the policy acts, and
// takes the loss on the rest, read token by token as if it were generated.
func (st *study) evict(ctx context.Context, m *winnow.Model, step func()) error {
	for _, k := range kept {
		var base []eval.Loss
		for _, p := range pairs {
			setup := eval.Setup{Model: m, Cache: func(prompt int) kvcache.Config {
				return kvcache.Config{K: p.k, V: p.v, Policy: k.policy(prompt)}
			}}
			var losses []eval.Loss
			for _, t := range st.texts {
				l, err := t.loss(ctx, setup, func(tokens int) eval.Reading { return eval.Reading{Prompt: tokens / 2} })
				if err != nil {
					return err
				}
				losses = append(losses, l)
			}
			if base == nil {
				base = losses
			}
			c := cached{kept: k.name, pair: p.name}
			var all, beside eval.Loss
			for i, l := range losses {
				d, err := l.Against(base[i])
				if err != nil {
					return err
				}
				c.texts = append(c.texts, d)
				all.Nats, beside.Nats = append(all.Nats, l.Nats...), append(beside.Nats, base[i].Nats...)
			}
			var err error
			if c.all, err = all.Against(beside); err != nil {
				return err
			}
			st.caches = append(st.caches, c)
			step()
		}
	}
	return nil
}

// percent is by how much a change of the loss changes the perplexity.
func percent(nats float64) string { return fmt.Sprintf("%+.3f %%", 100*math.Expm1(nats)) }
