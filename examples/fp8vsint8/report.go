package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// markdown is the document.
func (st *study) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# FP8 or INT8?

Eight bits hold a whole number of a range, or a floating-point number with three or two bits of mantissa (E4M3, E5M2). "FP8
versus INT8 for efficient deep learning inference" (van Baalen et al. 2023, arXiv 2303.17951) answers INT8, since formats with
a mantissa pay for range that a scale provides. This page asks again, with the formats of this library, and a scale for a
whole matrix, a row (a channel of weights, a token of activations, a cached row) or 32 columns. It is written by

    go run ./examples/fp8vsint8 -model FILE -text FILE... -out docs -tokens %d -window %d -n %d -length %d

Weights that the file holds in 8-bit blocks of 32 already come back exactly from such blocks.

## What holds

%s
## Signal to noise

In dB, higher is better. Keys and values are encoded as the cache does, 64 rows of a head at a time.

![Signal to noise](fp8-vs-int8-sqnr.svg)

`, st.o.tokens, st.o.window, st.o.needles, st.o.length, st.verdict())
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
	fmt.Fprintf(&b, `
## What the model loses

One thing at a time is stored in eight bits, everything else in single precision. The loss is in nats a token over %d tokens,
beside the same tokens with nothing stored, with its 95 %% interval; answers are those of %d questions about facts in texts of
%d tokens.

![Change of the loss](fp8-vs-int8-loss.svg)

| stored | format | one scale for | perplexity | change of the loss | answers |
|---|---|---|---:|---:|---:|
`, len(st.baseNats()), len(st.samples), st.o.length)
	for _, e := range st.effects {
		fmt.Fprintf(&b, "| %s | %s | %s | %.4f | %+.5f (%+.5f to %+.5f) | %.0f %% |\n", e.what, e.format, e.scope, e.perplexity, e.change.Mean, e.change.Low, e.change.High, 100*e.needle.Score)
	}
	b.WriteString("\n## Bytes and speed\n\nA query times 4096 cached rows, and their weighted sum, on one core; the best of 20. No processor of this library's multiplies FP8:\nit is turned into single precision on the way.\n\n| format | bytes of a row of 64 | q·kᵀ, ns a row | p·v, ns a row |\n|---|---:|---:|---:|\n")
	for _, s := range st.speeds {
		fmt.Fprintf(&b, "| %s | %d | %.1f | %.1f |\n", s.format.Name(), s.format.Size(64, 64)/64, float64(s.keys)/4096, float64(s.val)/4096)
	}
	return b.String()
}

// dB writes a ratio, which is infinite for what was stored without an error.
func dB(x float64, format string) string {
	if math.IsInf(x, 1) {
		return "∞"
	}
	return fmt.Sprintf(format, x)
}

func (st *study) baseNats() []float64 {
	var all []float64
	for _, l := range st.base {
		all = append(all, l.Nats...)
	}
	return all
}

// verdict counts where INT8 is ahead of E4M3, from the tables themselves.
func (st *study) verdict() string {
	var b strings.Builder
	for i, scope := range scopes {
		var ahead, behind []string
		for _, r := range st.rows {
			d := r.sqnr[i][0].dB() - r.sqnr[i][1].dB()
			text := fmt.Sprintf("%s (%s dB)", r.name, dB(d, "%+.1f"))
			if d >= 0 {
				ahead = append(ahead, text)
			} else {
				behind = append(behind, text)
			}
		}
		fmt.Fprintf(&b, "- One scale for %s: INT8 has less noise than E4M3 for %s", scope, strings.Join(ahead, ", "))
		if len(behind) > 0 {
			fmt.Fprintf(&b, "; E4M3 has less for %s", strings.Join(behind, ", "))
		}
		b.WriteString(".\n")
	}
	for _, what := range []string{"weights", "activations", "keys", "values"} {
		fmt.Fprintf(&b, "- %s: change of the loss with INT8 and E4M3,", strings.ToUpper(what[:1])+what[1:])
		for i, scope := range scopes {
			var c [2]float64
			for _, e := range st.effects {
				for j := range c {
					if e.what == what && e.format == formats[i][j].Name() {
						c[j] = e.change.Mean
					}
				}
			}
			fmt.Fprintf(&b, " %s: %+.5f and %+.5f;", scope, c[0], c[1])
		}
		b.WriteString("\n")
	}
	return b.String()
}

var colors = []string{"#1b6ca8", "#d1722b", "#9a9a9a"}

// bars draws groups of three bars, one for each format, over a scale that ends
// at most.
func bars(title string, names []string, values [][3]float64, most float64, unit string) string {
	const left, step, width = 250.0, 40.0, 430.0
	var b strings.Builder
	height := 60 + step*float64(len(names))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 %g" width="760" height="%g" font-family="Helvetica, Arial, sans-serif" font-size="11"><rect width="760" height="%g" fill="#ffffff"/>`+"\n", height, height, height)
	fmt.Fprintf(&b, `<text x="20" y="22" font-size="14">%s</text>`+"\n", html.EscapeString(title))
	for j, f := range []string{"INT8", "E4M3", "E5M2"} {
		fmt.Fprintf(&b, `<rect x="%d" y="32" width="10" height="10" fill="%s"/><text x="%d" y="41">%s</text>`+"\n", 250+70*j, colors[j], 264+70*j, f)
	}
	for i, name := range names {
		y := 52 + step*float64(i)
		fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">%s</text>`+"\n", left-8, y+20, html.EscapeString(name))
		for j, v := range values[i] {
			w := width * max(0, min(v/most, 1))
			fmt.Fprintf(&b, `<rect x="%g" y="%g" width="%.1f" height="9" fill="%s"/><text x="%.1f" y="%g" font-size="9">%s %s</text>`+"\n", left, y+11*float64(j), w, colors[j], left+w+4, y+8+11*float64(j), dB(v, "%.3g"), unit)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (st *study) sqnrPicture() string {
	var names []string
	var values [][3]float64
	most := 0.0
	for i, scope := range scopes {
		for _, r := range st.rows {
			names = append(names, r.name+", "+scope)
			var v [3]float64
			for j := range v {
				v[j] = r.sqnr[i][j].dB()
				if !math.IsInf(v[j], 1) {
					most = max(most, v[j])
				}
			}
			values = append(values, v)
		}
	}
	return bars("Signal to noise, dB: higher is better", names, values, most, "dB")
}

// lossPicture draws the size of the changes on a logarithmic scale, from 10⁻⁶
// nats on.
func (st *study) lossPicture() string {
	var names []string
	var values [][3]float64
	for _, what := range []string{"weights", "activations", "keys", "values"} {
		for i, scope := range scopes {
			var v [3]float64
			for _, e := range st.effects {
				for j := range v {
					if e.what == what && e.format == formats[i][j].Name() {
						v[j] = max(0, math.Log10(math.Abs(e.change.Mean)/1e-6))
					}
				}
			}
			names, values = append(names, what+", a scale for "+scope), append(values, v)
		}
	}
	return bars("Change of the loss, powers of ten above 10⁻⁶ nats a token: lower is better", names, values, 7, "")
}
