package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/winnowlm/winnow/eval"
)

// markdown is the document.
func (st *study) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# FP8 or INT8?

Eight bits hold a whole number of a range, or a floating-point number with three or two bits of mantissa (E4M3, E5M2). "FP8
versus INT8 for efficient deep learning inference" (van Baalen et al. 2023, arXiv 2303.17951) answers INT8, since formats with
a mantissa pay for range that a scale provides. This page asks again, with the formats of this library, and a scale for a
whole matrix, a row (a channel of weights, a token of activations, a cached row) or 32 columns. It is written by

    go run ./examples/fp8vsint8 -model %s -text %s -out docs -tokens %d -window %d -n %d -length %d

Weights that the file holds in 8-bit blocks of 32 already come back exactly from such blocks.

## What holds

%s
## Signal to noise

In dB, higher is better. Keys and values are encoded as the cache does, 64 rows of a head at a time.

![Signal to noise](fp8-vs-int8-sqnr.svg)

`, filepath.Base(st.o.model), strings.ReplaceAll(st.names(), ", ", " -text "), st.o.tokens, st.o.window, st.o.needles, st.o.length, st.verdict())
	b.WriteString("| |")
	for i := range formats {
		for j, f := range []string{"INT8", "E4M3", "E5M2"} {
			fmt.Fprintf(&b, " %s", f)
			if j == 0 {
				fmt.Fprintf(&b, ", one scale: %s", scopes[i])
			}
			b.WriteString(" |")
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", 9) + "\n")
	for _, r := range st.rows {
		fmt.Fprintf(&b, "| %s |", r.name)
		for i := range r.sqnr {
			for j := range r.sqnr[i] {
				fmt.Fprintf(&b, " %s |", dB(r.sqnr[i][j].dB(), "%.1f"))
			}
		}
		b.WriteString("\n")
	}
	st.printEffects(&b)
	st.printCaches(&b)
	b.WriteString("\n## Bytes and speed\n\nA query times 4096 cached rows, and their weighted sum, on one core; the best of 20. No processor of this library's multiplies FP8:\nit is turned into single precision on the way.\n\n| format | bytes of a row of 64 | q·kᵀ, ns a row | p·v, ns a row |\n|---|---:|---:|---:|\n")
	for _, s := range st.speeds {
		fmt.Fprintf(&b, "| %s | %d | %.1f | %.1f |\n", s.format.Name(), s.format.Size(64, 64)/64, float64(s.keys)/4096, float64(s.val)/4096)
	}
	return b.String()
}

func (st *study) printEffects(b *strings.Builder) {
	base := st.effects[0]
	fmt.Fprintf(b, `
## What the model loses

One thing at a time is stored in eight bits, everything else in single precision; at the end weights and what they are
multiplied with together, also ZeroQuant's pair of weights in groups of 64 or 32 columns with 4 bits (`+"`int4-64`, `int4`"+`) and
activations with a scale for each token. The loss is in nats a token over %d tokens of %s,
beside the same tokens with nothing stored, with its 95 %% interval. Answers are those of %d questions, one for each of the
eight facts in a text of %d tokens, worded as in no text that pocket was trained on; beside the share of right ones stands how many
became right and wrong.

![Change of the loss](fp8-vs-int8-loss.svg)

| stored | format | one scale for | perplexity | change of the loss | answers |
|---|---|---|---:|---:|---:|
`, len(base.loss.Nats), st.names(), len(st.samples), st.o.length)
	for _, e := range st.effects {
		answers := ""
		if len(e.answers) > 0 {
			answers = fmt.Sprintf("%.0f %% +%d −%d", 100*eval.Summarize(e.answers).Score, e.needles.Better, e.needles.Worse)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.4f | %s | %s |\n", e.what, e.format, e.scope, e.loss.Perplexity(), interval(e.change), answers)
	}
}

func interval(d eval.Delta) string {
	return fmt.Sprintf("%+.5f (%+.5f to %+.5f)", d.Mean, d.Low, d.High)
}

// names lists the texts.
func (st *study) names() string {
	var names []string
	for _, t := range st.texts {
		names = append(names, t.name)
	}
	return strings.Join(names, ", ")
}

func (st *study) printCaches(b *strings.Builder) {
	b.WriteString(`
## The cache's formats, with everything kept and under eviction

Half of each window is a prompt, after which the policy acts; the rest is read token by token, as if it were generated. Keys and
values are both stored in the format, 64 rows at a time, the last rows up to 63 exactly. The change of the perplexity is beside an f16
cache of which the same share is kept, for each text and for all with the 95 % interval.

`)
	fmt.Fprintf(b, "| kept | cache | %s | all |\n|---|---|%s\n", strings.ReplaceAll(st.names(), ", ", " | "), strings.Repeat("---:|", len(st.texts)+1))
	for _, c := range st.caches {
		if c.pair == pairs[0].name {
			continue
		}
		fmt.Fprintf(b, "| %s | %s |", c.kept, c.pair)
		for _, d := range c.texts {
			fmt.Fprintf(b, " %s |", percent(d.Mean))
		}
		fmt.Fprintf(b, " %s (%s to %s) |\n", percent(c.all.Mean), percent(c.all.Low), percent(c.all.High))
	}
}

// dB writes a ratio, which is infinite for what was stored without an error.
func dB(x float64, format string) string {
	if math.IsInf(x, 1) {
		return "∞"
	}
	return fmt.Sprintf(format, x)
}
