package main

import "fmt"

// neonAxpys hold a strip of some rows of dst in registers while they pass over
// all rows of w.
func neonAxpys(a *neon) {
	for _, f := range formats {
		args := a.fn("axpy"+f.name, "func(dst *float32, cols int, p *float32, ld, n int, w *byte, stride, rows int, next *byte)",
			"dst[q*cols+d] += Σ p[q*ld+j] × row j[d], q < n; cols is a multiple of 8.")
		s := &neonAxpy{neon: a, f: f, dst: args[0], cols: args[1], p: args[2], ld: args[3], w: args[5], stride: args[6], rows: args[7], next: args[8]}
		n := args[4]
		for _, tokens := range neonTokens {
			a.while(fmt.Sprint("tokens", tokens), n, tokens, func() {
				s.strips(tokens)
				a.steps(s.dst, s.cols, 2, tokens)
				a.steps(s.p, s.ld, 2, tokens)
			})
		}
		a.ret()
	}
}

type neonAxpy struct {
	*neon
	f                                       format
	dst, cols, p, ld, w, stride, rows, next r
}

// strips passes over the columns. A width is in vectors of 4.
func (s *neonAxpy) strips(tokens int) {
	widths := map[int][]int{1: {16, 2}, 2: {8, 2}, 3: {8, 2}, 6: {4, 2}}[tokens]
	out, first, left := s.copyOf(s.dst), s.copyOf(s.w), s.copyOf(s.cols)
	for _, width := range widths {
		s.while(fmt.Sprintf("strip%dx%d", tokens, width), left, 4*width, func() {
			s.strip(tokens, width, out, first)
			s.advance(out, 16*width)
			s.advance(first, 4*width*s.f.size)
		})
	}
}

func (s *neonAxpy) strip(tokens, width int, out, first r) {
	acc := make([][]v, tokens)
	for t := range acc {
		acc[t] = s.vs(width)
	}
	s.each(acc, out, "FLDPQ", func(pair, at string) (string, string) { return at, pair })
	s.scope(func() {
		ps := s.pointers(s.p, s.ld, 2, 0, tokens)
		row, header := s.copyOf(first), s.copyOf(s.w)
		at := s.r()
		s.times(fmt.Sprintf("row%dx%d", tokens, width), s.copyOf(s.rows), 1, func() {
			coef := s.coefficients(ps, header)
			s.advanceTo(at, row, s.f.header)
			s.step(row, s.stride, 0)
			if width > 2 {
				s.prefetch(s.next, s.f.size*4*width)
			}
			w := s.vs(2)
			for k := 0; k < width; k += 2 {
				s.convert(s.f, at, w...)
				for i, x := range w {
					for t := range acc {
						s.fmlaElement(acc[t][k+i], x, coef[t/4], t%4)
					}
				}
			}
		})
	})
	s.each(acc, out, "FSTPQ", func(pair, at string) (string, string) { return pair, at })
}

// coefficients loads the next p of each token, four in a register, times the
// row's scale if there is one.
func (s *neonAxpy) coefficients(ps []r, header r) []v {
	coef := s.vs((len(ps) + 3) / 4)
	for t, p := range ps {
		if t%4 == 0 {
			s.op("FMOVS.P", p.at(4), coef[t/4].f()) // clears the other lanes, so that nothing is waited for
			continue
		}
		s.op("VLD1.P", p.at(4), coef[t/4].s(t%4))
	}
	if s.f.header > 0 {
		scale := s.v()
		s.op("FMOVS", header.at(0), scale.f())
		s.step(header, s.stride, 0)
		for _, c := range coef {
			s.fmulElement(c, c, scale, 0)
		}
	}
	return coef
}

// each loads or stores the accumulators, two at a time.
func (s *neonAxpy) each(acc [][]v, out r, op string, order func(pair, at string) (string, string)) {
	s.scope(func() {
		p := s.copyOf(out)
		for t := range acc {
			for k := 0; k < len(acc[t]); k += 2 {
				from, to := order(pair(acc[t][k:]), p.at(16*k))
				s.op(op, from, to)
			}
			s.step(p, s.cols, 2)
		}
	})
}
