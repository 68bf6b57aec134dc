package main

import "fmt"

// neonMuls multiply quantized activations with rows as they stand in the file.
func neonMuls(dots bool) func(*neon) {
	return func(a *neon) {
		for _, w := range neonWeightFormats {
			a.frame = w.scratch
			a.open("mul"+w.name, "func(dst *float32, ld int, w *byte, stride int, codes *int8, meta *byte, n, blocks, rows int)",
				"dst[q*ld+j] = x[q]·row j, q < n; rows is a multiple of 4.")
			m := &neonMul{neon: a, w: w, dots: dots, ld: a.load("ld"), stride: a.load("stride")}
			m.cols, m.metas = a.r(), a.r()
			a.scope(func() {
				blocks := a.load("blocks")
				a.op("LSL", "$5", blocks, m.cols)
				a.op("ADD", fmt.Sprintf("%v<<1", blocks), blocks, m.metas)
				a.op("LSL", "$2", m.metas)
			})
			m.all(a.load("n"))
			a.ret()
		}
		a.frame = 0
	}
}

// neonMul multiplies some tokens with 4 rows at a time: the integers of a block
// of 32 exactly, which then enter a chain of multiply-adds, blocks ascending.
type neonMul struct {
	*neon
	w           *neonWeights
	dots        bool // SDOT is there
	ld, stride  r
	cols, metas r   // bytes from a token's codes and meta to the next one's
	rows        []r // in hand
	x, meta     r   // of the first token, at the block in hand
	total       []v // of each token, a lane per row
}

func (m *neonMul) all(n r) {
	for _, tokens := range []int{16, 8, 4, 2, 1} {
		if tokens > 8 && (!m.dots || m.w.scratch > 0) {
			continue // there are no registers for as many
		}
		m.while(fmt.Sprint("tokens", tokens), n, tokens, func() {
			m.tiles(tokens)
			m.forward("dst", m.ld, 2, tokens)
			m.forward("codes", m.cols, 0, tokens)
			m.forward("meta", m.metas, 0, tokens)
		})
	}
}

// tiles passes over the rows.
func (m *neonMul) tiles(tokens int) {
	w, out, left := m.load("w"), m.load("dst"), m.load("rows")
	m.times(fmt.Sprint("rows", tokens), left, 4, func() {
		m.rows = m.pointers(w, m.stride, 0, 0, 4)
		m.x, m.meta, m.total = m.load("codes"), m.load("meta"), m.vs(tokens)
		m.zero(m.total...)
		m.times(fmt.Sprint("blocks", tokens), m.load("blocks"), m.w.blocks, func() { m.w.multiply(m) })
		at := m.copyOf(out)
		for _, v := range m.total {
			m.op("FMOVQ", v.f(), at.at(0))
			m.step(at, m.ld, 2)
		}
		m.advance(out, 16)
		m.steps(w, m.stride, 0, 4)
	})
}

// transposed says whether codes are transposed first: it pays for several tokens.
func (m *neonMul) transposed() bool { return m.dots && len(m.total) >= 4 }

// block multiplies a block of codes, [half][row], with all tokens, and moves on
// to their next ones. add is handed the sums of each row, or of each half of each
// row if halves; and the token's meta, of which the scale is the lowest lane.
func (m *neonMul) block(codes [2][]v, halves bool, add func(total v, sums []v, meta v)) {
	if m.transposed() {
		m.transpose(codes[0])
		m.transpose(codes[1])
	}
	m.scope(func() {
		at, metaAt := m.copyOf(m.x), m.copyOf(m.meta)
		for _, total := range m.total {
			m.scope(func() {
				x, meta := m.vs(2), m.v()
				m.op("FLDPQ", at.at(0), pair(x))
				m.op("FMOVD", metaAt.at(0), meta.f())
				m.step(at, m.cols, 0)
				m.step(metaAt, m.metas, 0)
				if halves {
					add(total, []v{m.dot(codes[:1], x[:1]), m.dot(codes[1:], x[1:])}, meta)
				} else {
					add(total, []v{m.dot(codes[:], x)}, meta)
				}
			})
		}
	})
	m.advance(m.x, 32)
	m.advance(m.meta, metaSize)
}

// dot returns the products of a token's codes with each of 4 rows.
func (m *neonMul) dot(codes [][]v, x []v) v {
	sum := m.v()
	if m.transposed() {
		m.zero(sum)
		for h := range x {
			for four, w := range codes[h] {
				m.sdotElement(sum, w, x[h], four)
			}
		}
		return sum
	}
	m.scope(func() {
		s := append([]v{sum}, m.vs(3)...)
		for row, to := range s {
			if !m.dots {
				m.products(to, codes, x, row)
				continue
			}
			m.zero(to)
			for h := range x {
				m.sdot(to, codes[h][row], x[h])
			}
		}
		m.op("VADDP", s[1].s4(), s[0].s4(), s[0].s4())
		m.op("VADDP", s[3].s4(), s[2].s4(), s[2].s4())
		m.op("VADDP", s[2].s4(), s[0].s4(), s[0].s4())
	})
	return sum
}

// products does without SDOT. Two products of bytes, of −128 to 127 and −127 to
// 127, fit int16, and four if those of the weights are small.
func (m *neonMul) products(sum v, codes [][]v, x []v, row int) {
	m.scope(func() {
		t := m.v()
		for h := range x {
			first := h == 0 || !m.w.small
			if first {
				m.smull(t, codes[h][row], x[h])
			} else {
				m.smlal(t, codes[h][row], x[h])
			}
			m.smlalHigh(t, codes[h][row], x[h])
			switch last := h == len(x)-1; {
			case first && h > 0:
				m.sadalp(sum, t)
			case last || !m.w.small:
				m.saddlpH(sum, t)
			}
		}
	})
}
