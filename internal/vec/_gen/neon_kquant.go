package main

import (
	"fmt"
	"math"
)

// Super-blocks of k-quants: of 4 rows, first the scales of all groups are written
// to the stack, a vector of the 4 rows for each group; then block after block is
// multiplied.

// fourth is where the bytes of a transposition of [4][4] bytes come from.
const fourthLow, fourthHigh = 0x0d0905010c080400, 0x0f0b07030e0a0602

// stack is the address of the scratch on the stack.
func (m *neonMul) stack() r {
	at := m.r()
	m.op("MOVD", fmt.Sprintf("$scratch-%d(SP)", m.frame), at)
	return at
}

// minsAt is how far behind the scales of q4_k its minimums are.
const minsAt = 8 * 16

func (m *neonMul) q4k() {
	m.scalesQ4K()
	at := m.stack()
	m.times(fmt.Sprint("pair", len(m.total)), m.number(4), 1, func() {
		for high := range 2 {
			m.scope(func() { m.blockQ4K(at, high == 1) })
		}
	})
}

// scalesQ4K writes d·scale and dmin·minimum/128 of the 8 blocks. A header is d and
// dmin, then the scales and minimums that scaleMin takes apart.
func (m *neonMul) scalesQ4K() {
	m.scope(func() {
		head := m.vs(4)
		for i, p := range m.rows {
			m.op("FMOVQ.P", p.at(16), head[i].f())
		}
		m.transpose(head) // d and dmin; scales; minimums; the others' low bits
		d, dmin := m.v(), m.v()
		m.op("VUZP1", head[0].h8(), head[0].h8(), d.h8())
		m.op("VUZP2", head[0].h8(), head[0].h8(), dmin.h8())
		m.fcvtl(d, d)
		m.fcvtl(dmin, dmin)
		// What is stored of the activations' sums is -128 times them.
		m.fmul(dmin, dmin, m.constant(math.Float32bits(1.0/128)))

		six, two, low, order := m.v(), m.v(), m.v(), m.bytes(fourthLow, fourthHigh)
		m.op("VMOVI", "$0x3f", six.b16())
		m.op("VMOVI", "$0x30", two.b16())
		m.op("VMOVI", "$0x0f", low.b16())
		at := m.stack()
		for i, by := range []v{d, dmin} {
			m.scope(func() {
				first, other, rest := m.v(), m.v(), m.v()
				m.op("VUSHR", "$2", head[1+i].b16(), other.b16())
				m.op("VAND", two.b16(), other.b16(), other.b16())
				if i == 0 {
					m.op("VAND", low.b16(), head[3].b16(), rest.b16())
				} else {
					m.op("VUSHR", "$4", head[3].b16(), rest.b16())
				}
				m.op("VORR", rest.b16(), other.b16(), other.b16())
				m.op("VAND", six.b16(), head[1+i].b16(), first.b16())
				for _, bytes := range []v{first, other} {
					m.spread(bytes, order)
					m.each4(bytes, func(x v) {
						m.scvtf(x, x)
						m.fmul(x, x, by)
						m.op("FMOVQ.P", x.f(), at.at(16))
					})
				}
			})
		}
	})
}

// spread transposes [row][4] bytes.
func (m *neonMul) spread(x, order v) {
	m.op("VTBL", order.b16(), "["+x.b16()+"]", x.b16())
}

// each4 widens 16 signed bytes, four at a time, to int32.
func (m *neonMul) each4(bytes v, use func(x v)) {
	m.scope(func() {
		half := m.vs(2)
		m.sxtlB(half[0], bytes)
		m.sxtlBHigh(half[1], bytes)
		x := m.v()
		for _, h := range half {
			m.sxtlH(x, h)
			use(x)
			m.sxtlHHigh(x, h)
			use(x)
		}
	})
}

// blockQ4K multiplies the block of the low or the high halves of 32 bytes.
func (m *neonMul) blockQ4K(at r, high bool) {
	codes := m.codes()
	for i, p := range m.rows {
		if c := pair([]v{codes[0][i], codes[1][i]}); high {
			m.op("FLDPQ.P", p.at(32), c)
		} else {
			m.op("FLDPQ", p.at(0), c)
		}
	}
	m.scope(func() {
		nibble := m.v()
		m.op("VMOVI", "$15", nibble.b16())
		for _, half := range codes {
			for _, c := range half {
				if high {
					m.op("VUSHR", "$4", c.b16(), c.b16())
				} else {
					m.op("VAND", nibble.b16(), c.b16(), c.b16())
				}
			}
		}
	})
	scale, minimum := m.v(), m.v()
	m.op("FMOVQ", at.at(minsAt), minimum.f())
	m.op("FMOVQ.P", at.at(16), scale.f())
	m.block(codes, false, func(total v, sums []v, meta v) {
		m.scope(func() {
			by, offset := m.v(), m.v()
			m.scvtf(sums[0], sums[0])
			m.fmulElement(by, scale, meta, 0)
			m.fmla(total, sums[0], by)
			m.scvtf(offset, meta)
			m.fmulElement(by, minimum, meta, 0)
			m.fmlaElement(total, by, offset, 1)
		})
	})
}

func (m *neonMul) q6k() {
	d := m.scalesQ6K()
	at, high := m.stack(), m.number(128) // high is how far away the high bits are
	m.times(fmt.Sprint("half", len(m.total)), m.number(2), 1, func() {
		for part := range 4 {
			m.scope(func() { m.blockQ6K(d, at, high, part) })
		}
		for _, p := range m.rows {
			m.advance(p, 64)
		}
		m.op("SUB", "$32", high)
	})
	for _, p := range m.rows {
		m.advance(p, 210-128)
	}
}

// scalesQ6K writes the integer scales of the 16 groups and returns d.
func (m *neonMul) scalesQ6K() v {
	d := m.v()
	m.zero(d)
	m.scope(func() {
		scales, order := m.vs(4), m.bytes(fourthLow, fourthHigh)
		tail := m.r()
		for i, p := range m.rows {
			m.op("FMOVQ", p.at(192), scales[i].f())
			m.advanceTo(tail, p, 208)
			m.op("VLD1", "("+tail.String()+")", d.h(i))
		}
		m.transpose(scales)
		at := m.stack()
		for _, bytes := range scales {
			m.spread(bytes, order)
			m.each4(bytes, func(x v) { m.op("FMOVQ.P", x.f(), at.at(16)) })
		}
	})
	m.fcvtl(d, d)
	return d
}

// blockQ6K multiplies a block of the 4 that share the bytes of high bits.
func (m *neonMul) blockQ6K(d v, at, high r, part int) {
	codes := m.codes()
	m.scope(func() {
		top, tops := m.vs(2), m.r()
		nibble, two, offset := m.v(), m.v(), m.v()
		m.op("VMOVI", "$15", nibble.b16())
		m.op("VMOVI", "$0x30", two.b16())
		m.op("VMOVI", "$32", offset.b16())
		for i, p := range m.rows {
			m.op("ADD", high, p, tops)
			m.op("FLDPQ", tops.at(0), pair(top))
			m.op("FLDPQ", p.at(part%2*32), pair([]v{codes[0][i], codes[1][i]}))
			for h, t := range top {
				c := codes[h][i]
				if part < 2 {
					m.op("VAND", nibble.b16(), c.b16(), c.b16())
				} else {
					m.op("VUSHR", "$4", c.b16(), c.b16())
				}
				switch part {
				case 0, 1:
					m.op("VSHL", fmt.Sprint("$", 4-2*part), t.b16(), t.b16())
				case 3:
					m.op("VUSHR", "$2", t.b16(), t.b16())
				}
				m.op("VAND", two.b16(), t.b16(), t.b16())
				m.op("VORR", t.b16(), c.b16(), c.b16())
				m.op("VSUB", offset.b16(), c.b16(), c.b16())
			}
		}
	})
	scales := m.vs(2)
	m.op("FLDPQ.P", at.at(32), pair(scales))
	m.block(codes, true, func(total v, sums []v, meta v) {
		m.mul(sums[0], sums[0], scales[0])
		m.mla(sums[0], sums[1], scales[1])
		m.scaled(d)(total, sums, meta)
	})
}
