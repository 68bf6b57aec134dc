package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemvKernels multiply one vector with rows by AVX2, two blocks at a time.
func gemvKernels(a *asm) {
	ones, nibble := a.constant("gemvOnes", 0x00010001), a.constant("gemvNibble", 0x0f0f0f0f)
	g := &gemv{asm: a, step: 2}
	g.constants = func() { g.ones, g.nibble = a.load(ones), a.load(nibble) }
	g.kernel("gemvQ8_0", 34, gemvFormat{
		several: func() (sum, scale reg.VecVirtual) {
			sum = g.joinHalves(g.rowsQ8(0), g.rowsQ8(1), g.VPADDD)
			return sum, g.pairScalesQ8()
		},
		one: func() reg.VecVirtual { return g.lanesAdded(g.rowsQ8(0), g.VPADDD) },
	})
	g.kernel("gemvQ4_0", 18, gemvFormat{
		several: func() (sum, scale reg.VecVirtual) { return g.pairQ4(), g.pairScalesQ4() },
		one:     func() reg.VecVirtual { return g.oneQ4() },
	})
}

// addHalves adds the halves of each lane of a and of b, and puts the sums of a
// before those of b.
func (a *asm) addHalves(x, y reg.VecVirtual, add func(...Op)) reg.VecVirtual {
	s := a.YMM()
	a.VPBLENDD(Imm(0xcc), y, x, s)
	a.VPALIGNR(Imm(8), x, y, x)
	add(x, s, s)
	return s
}

// interleave adds neighbouring dwords of x and of y and puts those of a lane side
// by side.
func (a *asm) interleave(x, y reg.VecVirtual, add func(...Op)) reg.VecVirtual {
	s := a.vec()
	a.VSHUFPS(Imm(0x88), y, x, s)
	a.VSHUFPS(Imm(0xdd), y, x, x)
	add(x, s, s)
	return s
}

// joinHalves adds neighbouring lanes of x, then of y.
func (a *asm) joinHalves(x, y reg.VecVirtual, add func(...Op)) reg.VecVirtual {
	s := a.vec()
	if a.wide() {
		a.VSHUFI32X4(Imm(0x88), y, x, s)
		a.VSHUFI32X4(Imm(0xdd), y, x, x)
	} else {
		a.VPERM2I128(Imm(0x20), y, x, s)
		a.VPERM2I128(Imm(0x31), y, x, x)
	}
	add(x, s, s)
	return s
}

// lanesAdded adds the lanes of v.
func (g *gemv) lanesAdded(v reg.VecVirtual, add func(...Op)) reg.VecVirtual {
	t := g.YMM()
	g.VEXTRACTI128(Imm(1), v, t.AsX())
	add(t.AsX(), v.AsX(), v.AsX())
	return v
}

// rowsQ8 returns the sums of the products of block k, half a block in a lane.
// The signs of the weights are moved to the activations, so that the product of
// unsigned and signed bytes can be used. Activations are at least -127: the sum
// of two products is at most 2 × 128 × 127, which int16 holds.
func (g *gemv) rowsQ8(k int) reg.VecVirtual {
	x := g.load(Mem{Base: g.x, Disp: 32 * k})
	var pairs [2]reg.VecVirtual
	for p := range pairs {
		var s [2]reg.VecVirtual
		for i := range s {
			w, signed := g.load(g.rows.at(2*p+i, 34*k+2)), g.YMM()
			g.VPSIGNB(w, x, signed)
			g.VPABSB(w, w)
			g.VPMADDUBSW(signed, w, w)
			g.VPMADDWD(g.ones, w, w)
			s[i] = w
		}
		pairs[p] = g.addHalves(s[0], s[1], g.VPADDD)
	}
	return g.interleave(pairs[0], pairs[1], g.VPADDD)
}

// pairScalesQ8 loads the scales of two blocks of the rows.
func (g *gemv) pairScalesQ8() reg.VecVirtual {
	var blocks [2]reg.VecVirtual
	for k := range blocks {
		var pairs [2]reg.VecVirtual
		for p := range pairs {
			v := g.XMM()
			g.VMOVDQU(g.rows.at(2*p, 34*k), v)
			g.VPUNPCKLWD(g.rows.at(2*p+1, 34*k), v, v)
			pairs[p] = v
		}
		g.VPUNPCKLDQ(pairs[1], pairs[0], pairs[0])
		blocks[k] = pairs[0]
	}
	scale := g.YMM()
	g.VPUNPCKLQDQ(blocks[1], blocks[0], blocks[0])
	g.VCVTPH2PS(blocks[0], scale)
	return scale
}

// pairQ4 returns the sums of two blocks of the rows. Sums of 16 products of codes
// up to 15 and 127 fit int16, in which the offset of the same 16 is added too.
func (g *gemv) pairQ4() reg.VecVirtual {
	first, second, low, high := g.load(Mem{Base: g.x}), g.load(Mem{Base: g.x, Disp: 32}), g.YMM(), g.YMM()
	g.VPERM2I128(Imm(0x20), second, first, low)
	g.VPERM2I128(Imm(0x31), second, first, high)
	var pairs [2]reg.VecVirtual
	for p := range pairs {
		var s [2]reg.VecVirtual
		for i := range s {
			w := g.YMM()
			g.VMOVDQU(g.rows.at(2*p+i, 2), w.AsX())
			g.VINSERTI128(Imm(1), g.rows.at(2*p+i, 18+2), w, w)
			s[i] = g.dotQ4(w, low, high)
		}
		pairs[p] = g.addHalves(s[0], s[1], g.VPADDW)
	}
	sum := g.interleave(pairs[0], pairs[1], g.VPADDW)
	g.VPADDW(g.pairOf(8), sum, sum)
	g.VPMADDWD(g.ones, sum, sum)
	return sum
}

// dotQ4 adds the products of the low halves of bytes with low, of the high ones
// with high, by fours.
func (g *gemv) dotQ4(w, low, high reg.VecVirtual) reg.VecVirtual {
	h := g.YMM()
	g.VPSRLW(Imm(4), w, h)
	g.VPAND(g.nibble, w, w)
	g.VPAND(g.nibble, h, h)
	g.VPMADDUBSW(low, w, w)
	g.VPMADDUBSW(high, h, h)
	g.VPADDW(h, w, w)
	return w
}

// pairScalesQ4 loads the scales of two blocks of the rows: of 32 bytes of a row,
// the first word of the first lane and the second word of the second.
func (g *gemv) pairScalesQ4() reg.VecVirtual {
	var pairs [2]reg.VecVirtual
	for p := range pairs {
		v := g.load(g.rows.at(2*p, 0))
		g.VPUNPCKLWD(g.rows.at(2*p+1, 0), v, v)
		pairs[p] = v
	}
	v, t := pairs[0], g.YMM()
	g.VPUNPCKLDQ(pairs[1], v, v)
	g.VEXTRACTI128(Imm(1), v, t.AsX())
	g.VPBLENDD(Imm(0x0c), t.AsX(), v.AsX(), v.AsX())
	g.VCVTPH2PS(v.AsX(), v)
	return v
}

// oneQ4 returns the sums of a block: rows 0 and 2, and 1 and 3, share registers.
func (g *gemv) oneQ4() reg.VecVirtual {
	low, high := g.YMM(), g.YMM()
	g.VBROADCASTI128(Mem{Base: g.x}, low)
	g.VBROADCASTI128(Mem{Base: g.x, Disp: 16}, high)
	var s [2]reg.VecVirtual
	for p := range s {
		w := g.YMM()
		g.VMOVDQU(g.rows.at(p, 2), w.AsX())
		g.VINSERTI128(Imm(1), g.rows.at(p+2, 2), w, w)
		s[p] = g.dotQ4(w, low, high)
	}
	rows, top, offset := g.addHalves(s[0], s[1], g.VPADDW), g.YMM(), g.YMM()
	g.VEXTRACTI128(Imm(1), rows, top.AsX())
	sum := g.interleave(rows, top, g.VPADDW)
	g.VPBROADCASTD(Mem{Base: g.meta, Disp: 8}, offset)
	g.VPADDW(offset, sum, sum)
	g.VPMADDWD(g.ones, sum, sum)
	return sum
}
