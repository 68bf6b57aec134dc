package main

import (
	"fmt"
	"html"
	"strings"
)

// picture is an SVG that is being drawn.
type picture struct{ strings.Builder }

func newPicture(width, height float64) *picture {
	p := &picture{}
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" font-family="Helvetica, Arial, sans-serif">`+"\n", width, height, width, height)
	p.rect(0, 0, width, height, "#ffffff")
	return p
}

func (p *picture) end() string {
	p.WriteString("</svg>\n")
	return p.String()
}

func (p *picture) rect(x, y, w, h float64, fill string) {
	fmt.Fprintf(p, `<rect x="%.4g" y="%.4g" width="%.4g" height="%.4g" fill="%s"/>`+"\n", x, y, w, h, fill)
}

func (p *picture) line(x1, y1, x2, y2 float64, stroke string, width float64) {
	fmt.Fprintf(p, `<line x1="%.4g" y1="%.4g" x2="%.4g" y2="%.4g" stroke="%s" stroke-width="%g"/>`+"\n", x1, y1, x2, y2, stroke, width)
}

// sample draws a short piece of a curve, as a legend shows it.
func (p *picture) sample(x, y float64, s style) {
	fmt.Fprintf(p, `<line x1="%.4g" y1="%.4g" x2="%.4g" y2="%.4g" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`+"\n", x, y, x+28, y, s.color, s.dash)
	p.mark(x+14, y, s)
}

// Anchors of a text.
const (
	left   = "start"
	center = "middle"
	right  = "end"
)

const (
	ink   = "#222222"
	faint = "#e3e3e3"
	small = 11.0
	large = 14.0
)

func (p *picture) text(x, y, size float64, anchor, fill, text string) {
	fmt.Fprintf(p, `<text x="%.4g" y="%.4g" font-size="%g" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, size, anchor, fill, html.EscapeString(text))
}

// upright writes a text from bottom to top.
func (p *picture) upright(x, y, size float64, text string) {
	fmt.Fprintf(p, `<text transform="translate(%.4g %.4g) rotate(-90)" font-size="%g" text-anchor="middle" fill="%s">%s</text>`+"\n", x, y, size, ink, html.EscapeString(text))
}

// A style tells lines apart by colour and by mark, for those who do not see
// the colours.
type style struct {
	color string
	mark  int
	dash  string
}

var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a4fbf", "#8c564b", "#5f5f5f"}

var dashes = []string{"", "6 3", "2 2"}

func styleOf(i int) style {
	return style{colors[i%len(colors)], i % 4, dashes[i/len(colors)%len(dashes)]}
}

func (p *picture) curve(points [][2]float64, s style) {
	p.WriteString(`<polyline fill="none" stroke-width="2" stroke="` + s.color + `" stroke-dasharray="` + s.dash + `" points="`)
	for _, pt := range points {
		fmt.Fprintf(p, "%.4g,%.4g ", pt[0], pt[1])
	}
	p.WriteString("\"/>\n")
	for _, pt := range points {
		p.mark(pt[0], pt[1], s)
	}
}

func (p *picture) mark(x, y float64, s style) {
	const r = 4.0
	switch s.mark {
	case 0:
		fmt.Fprintf(p, `<circle cx="%.4g" cy="%.4g" r="%g" fill="%s"/>`+"\n", x, y, r, s.color)
	case 1:
		p.rect(x-r+0.5, y-r+0.5, 2*r-1, 2*r-1, s.color)
	case 2:
		fmt.Fprintf(p, `<path d="M%.4g %.4gl%g %gh%gz" fill="%s"/>`+"\n", x, y-r-1, r+1, 2*r, -2*r-2, s.color)
	default:
		fmt.Fprintf(p, `<path d="M%.4g %.4gl%g %gl%g %gl%g %gz" fill="%s"/>`+"\n", x, y-r-1, r+1, r+1, -r-1, r+1, -r-1, -r-1, s.color)
	}
}
