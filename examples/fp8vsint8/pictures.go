package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

var colors = []string{"#1b6ca8", "#d1722b", "#9a9a9a"}

// begin writes the head of a picture: its title, and the formats' colors.
func begin(b *strings.Builder, title string, height float64) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 %g" width="760" height="%g" font-family="Helvetica, Arial, sans-serif" font-size="11"><rect width="760" height="%g" fill="#ffffff"/>`+"\n", height, height, height)
	fmt.Fprintf(b, `<text x="20" y="22" font-size="14">%s</text>`+"\n", html.EscapeString(title))
	for j, f := range []string{"INT8", "E4M3", "E5M2"} {
		fmt.Fprintf(b, `<rect x="%d" y="32" width="10" height="10" fill="%s"/><text x="%d" y="41">%s</text>`+"\n", 250+70*j, colors[j], 264+70*j, f)
	}
}

// bars draws groups of three bars, one for each format, over a scale that ends
// at most.
func bars(title string, names []string, values [][3]float64, most float64, unit string) string {
	const left, step, width = 250.0, 40.0, 430.0
	var b strings.Builder
	height := 60 + step*float64(len(names))
	begin(&b, title, height)
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

// lossPicture draws the changes of the loss with their intervals.
func (st *study) lossPicture() string {
	const left, right, step = 250.0, 740.0, 40.0
	low, high := 0.0, 1e-9
	for _, e := range st.effects {
		low, high = min(low, e.change.Low), max(high, e.change.High)
	}
	at := func(nats float64) float64 { return left + (right-left)*(nats-low)/(high-low) }
	var b strings.Builder
	height := 70 + step*float64(len(things)*len(scopes))
	begin(&b, "Change of the loss with its 95 % interval, thousandths of a nat a token: lower is better", height)
	unit := math.Pow(10, math.Floor(math.Log10(high-low)))
	if (high-low)/unit < 5 {
		unit /= 5
	}
	for k := math.Ceil(low / unit); k*unit <= high; k++ {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="50" y2="%g" stroke="%s"/><text x="%.1f" y="%g" text-anchor="middle" font-size="9">%g</text>`+"\n",
			at(k*unit), at(k*unit), height-18, map[bool]string{true: "#000000", false: "#dddddd"}[k == 0], at(k*unit), height-6, math.Round(k*unit*1e6)/1e3+0) // +0: no -0
	}
	for i, what := range things {
		for j := range scopes {
			y := 52 + step*float64(len(scopes)*i+j)
			fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="end">%s, a scale for %s</text>`+"\n", left-8, y+20, what, scopes[j])
			for k, f := range formats[j] {
				d, y := st.find(what, f.Name()).change, y+6+10*float64(k)
				fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%g" y2="%g" stroke="%s" stroke-width="2"/><circle cx="%.1f" cy="%g" r="3" fill="%s"/>`+"\n",
					at(d.Low), at(d.High), y, y, colors[k], at(d.Mean), y, colors[k])
			}
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// find returns what storing one thing in a format does.
func (st *study) find(what, format string) effect {
	for _, e := range st.effects {
		if e.what == what && e.format == format {
			return e
		}
	}
	return effect{}
}
