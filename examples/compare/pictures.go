package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/winnowlm/winnow/eval"
)

// qualityPicture draws the mean score of all tasks over the share kept, a panel
// for each position of the question, a line for each policy, and a thin one for
// the full cache.
func (st *study) qualityPicture() string {
	const panel, height, margin = 380.0, 330.0, 56.0
	n := float64(len(st.o.positions))
	p := newPicture(n*(panel+margin)+70+nameWidth(st.o.policies), max(height+100, 78+22*float64(len(st.o.policies))))
	shares := st.o.keep
	low, high := math.Log(shares[len(shares)-1]), math.Log(shares[0])
	if low == high {
		low = high - 1
	}
	for i, pos := range st.o.positions {
		x0, y0 := margin+float64(i)*(panel+margin), 40.0
		x := func(share float64) float64 { return x0 + 12 + (panel-24)*(math.Log(share)-low)/(high-low) }
		y := func(score float64) float64 { return y0 + height*(1-score) }
		p.text(x0+panel/2, y0-16, large, center, ink, title(pos))
		for tick := 0; tick <= 100; tick += 20 {
			p.line(x0, y(float64(tick)/100), x0+panel, y(float64(tick)/100), faint, 1)
			p.text(x0-8, y(float64(tick)/100)+4, small, right, ink, fmt.Sprint(tick))
		}
		for _, share := range shares {
			p.line(x(share), y0+height, x(share), y0+height+5, ink, 1)
			p.text(x(share), y0+height+20, small, center, ink, percent(share))
		}
		p.line(x0, y0+height, x0+panel, y0+height, ink, 1)
		p.text(x0+panel/2, y0+height+42, small+1, center, ink, "share of the prompt's rows that each head keeps")
		if i == 0 {
			p.upright(16, y0+height/2, small+1, "mean score of the tasks, %")
		}
		if m := st.mean(config{full, 1}, pos); m.N > 0 {
			p.line(x0, y(m.Score), x0+panel, y(m.Score), ink, 1)
		}
		for j, name := range st.o.policies {
			var points [][2]float64
			for _, keep := range shares {
				if m := st.mean(config{name, keep}, pos); m.N > 0 {
					points = append(points, [2]float64{x(keep), y(m.Score)})
				}
			}
			p.curve(points, styleOf(j))
		}
	}
	x0 := n*(panel+margin) + 24
	p.line(x0, 56, x0+28, 56, ink, 1)
	p.text(x0+38, 60, small+1, left, ink, "full cache")
	for i, name := range st.ranking() {
		j, y := slices.Index(st.o.policies, name), 78+22*float64(i)
		p.sample(x0, y, styleOf(j))
		p.text(x0+38, y+4, small+1, left, ink, name)
	}
	return p.end()
}

// ranking orders the policies by their scores in the first panel, from the
// best: so the legend reads as the lines lie.
func (st *study) ranking() []string {
	sum := func(name string) (x float64) {
		for _, keep := range st.o.keep {
			if m := st.mean(config{name, keep}, st.o.positions[0]); m.N > 0 {
				x += m.Score
			}
		}
		return x
	}
	names := slices.Clone(st.o.policies)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(sum(b), sum(a)) })
	return names
}

// nameWidth is the room that names of policies take.
func nameWidth(names []string) float64 {
	longest := 0
	for _, name := range names {
		longest = max(longest, len(name))
	}
	return 7*float64(longest) + 6
}

func title(p eval.Position) string {
	return map[eval.Position]string{
		eval.After: "question at the prompt's end", eval.Around: "question before and after the text",
		eval.Later: "question asked later, of what was kept", eval.Before: "question before the text, answered later",
	}[p]
}

// needlePicture draws a heat map for each policy: depths over lengths.
func (st *study) needlePicture() string {
	const size, gap, top, across = 40.0, 70.0, 60.0, 4
	configs := st.pictured()
	lengths := float64(len(st.lengths))
	width, height := max(lengths*size, nameWidth(st.o.policies)-50)+gap, float64(len(depths))*size+gap
	rows := (len(configs) + across - 1) / across
	p := newPicture(min(across, float64(len(configs)))*width+30, float64(rows)*height+top)
	p.text(20, 24, large, left, ink, fmt.Sprintf("needles found, %%: %s of the rows kept, the question at the prompt's end", percent(st.o.picture)))
	for i, c := range configs {
		x0, y0 := 62+width*float64(i%across), top+height*float64(i/across)
		p.text(x0+lengths*size/2, y0-8, small+2, center, ink, c.Policy)
		for j, cell := range st.needles[c.Policy] {
			x, y := x0+size*float64(j/len(depths)), y0+size*float64(j%len(depths))
			if j < len(depths) {
				p.text(x0-6, y+size/2+4, small, right, ink, fmt.Sprintf("%.0f %%", 100*depths[j]))
			}
			if cell.N == 0 {
				p.rect(x+0.5, y+0.5, size-1, size-1, "#f4f4f4")
				continue
			}
			p.rect(x+0.5, y+0.5, size-1, size-1, shade(cell.Score))
			color := "#ffffff"
			if cell.Score < 0.55 {
				color = ink
			}
			p.text(x+size/2, y+size/2+4, small, center, color, fmt.Sprintf("%.0f", 100*cell.Score))
			if j%len(depths) == 0 {
				p.text(x+size/2, y0+size*float64(len(depths))+15, small, center, ink, fmt.Sprint(cell.Length))
			}
		}
		p.text(x0+lengths*size/2, y0+size*float64(len(depths))+31, small, center, ink, "tokens")
		if i%across == 0 {
			p.upright(16, y0+size*float64(len(depths))/2, small, "depth of the fact")
		}
	}
	return p.end()
}

// shade goes from near white at 0 to dark blue at 1.
func shade(x float64) string {
	from, to := [3]float64{240, 244, 250}, [3]float64{8, 64, 129}
	var c [3]int
	for i := range c {
		c[i] = int(from[i] + (to[i]-from[i])*x + 0.5)
	}
	return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2])
}

// columns is how finely the picture of kept rows resolves positions.
const columns = 192

// keptPicture draws, for each policy, a line of positions for every KV head of
// every layer: the darker, the more of the positions there were kept.
func (st *study) keptPicture() string {
	const width, row, gap, top = 4 * columns, 6.0, 26.0, 64.0
	left0 := nameWidth(st.o.policies) + 16
	kept := slices.DeleteFunc(slices.Clone(st.kept), func(k keptRows) bool { return k.pos == nil })
	shape := st.m.Config()
	height := row * float64(shape.NumLayers*shape.NumKVHeads)
	p := newPicture(left0+width+20, top+float64(len(kept))*(height+gap)+24)
	p.text(20, 24, large, left, ink, fmt.Sprintf("positions kept in each layer and KV head, %s of the rows", percent(st.o.picture)))
	if len(kept) == 0 {
		return p.end()
	}
	prompt := float64(kept[0].prompt)
	x := func(pos int) float64 { return left0 + width*float64(pos)/prompt }
	p.text((x(kept[0].fact[0])+x(kept[0].fact[1]))/2, 46, small, center, "#d55e00", "the fact that is asked for")
	p.text(left0+width, 46, small, right, ink, "the question")
	for i, k := range kept {
		y0 := top + float64(i)*(height+gap)
		p.text(left0-10, y0+height/2+4, small+1, right, ink, k.Policy)
		p.rect(left0, y0, width, height, "#f4f6fa")
		for l, heads := range k.pos {
			for h, pos := range heads {
				p.strip(left0, y0+row*float64(l*shape.NumKVHeads+h), row, density(pos, k.prompt))
			}
			if l > 0 {
				p.line(left0-4, y0+row*float64(l*shape.NumKVHeads), left0, y0+row*float64(l*shape.NumKVHeads), ink, 0.5)
			}
		}
		for _, at := range k.fact {
			p.line(x(at), y0-4, x(at), y0+height+4, "#d55e00", 1)
		}
	}
	y := top + float64(len(kept))*(height+gap)
	p.text(left0, y, small, center, ink, "0")
	p.text(left0+width/2, y, small, center, ink, "position; layers from top to bottom, divided by ticks")
	p.text(left0+width, y, small, right, ink, fmt.Sprint(kept[0].prompt))
	return p.end()
}

// density returns the share of positions kept in each column, in quarters.
func density(pos []int32, prompt int) []int {
	got, all := make([]int, columns), make([]int, columns)
	for j := range prompt {
		all[j*columns/prompt]++
	}
	for _, at := range pos {
		if int(at) < prompt {
			got[int(at)*columns/prompt]++
		}
	}
	for j := range got {
		got[j] = int(math.Ceil(4 * float64(got[j]) / float64(max(1, all[j]))))
	}
	return got
}

// strip draws a line of columns, one path for each shade.
func (p *picture) strip(x, y, height float64, quarters []int) {
	for q := 1; q <= 4; q++ {
		var d strings.Builder
		for j := 0; j < len(quarters); {
			run := 1
			for j+run < len(quarters) && quarters[j+run] == quarters[j] {
				run++
			}
			if quarters[j] == q {
				fmt.Fprintf(&d, "M%g %gh%d", x+4*float64(j), y+height/2, 4*run)
			}
			j += run
		}
		if d.Len() > 0 {
			fmt.Fprintf(p, `<path stroke="%s" stroke-width="%g" d="%s"/>`+"\n", shade(float64(q)/4), height-1, d.String())
		}
	}
}
