package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wideGemvKernels multiply one vector with rows by AVX-512, four blocks at a time.
func wideGemvKernels(a *asm) {
	g := &gemv{asm: a, step: 4}
	g.constants = g.masks
	g.scaleWords = g.words("gemvMetaScales", func(i int) uint32 { return uint32(i / 4 * metaSize / 4) })
	g.offsetWords = g.words("gemvMetaOffsets", func(i int) uint32 { return uint32(i/4*metaSize/4 + 1) })
	flip, nibble := a.constant("gemvFlip", 0x80808080), a.constant("gemvNibbles", 0x0f0f0f0f)
	order := g.words("gemvOrder", func(i int) uint32 { return []uint32{0, 1, 4, 5, 2, 3, 6, 7}[i%8] + uint32(i/8*8) })
	firsts := g.words("gemvFirsts", func(i int) uint32 { return uint32(4 * i % 16) })
	// Words 4k to 4k+3 of a row's scales are block k's.
	scales8 := g.words("gemvScalesQ8_0", func(i int) uint32 { return []uint32{0, 17, 1, 18}[i/2%4] * 0x10001 })
	scales4 := g.words("gemvScalesQ4_0", func(i int) uint32 { return uint32(i/2%4) * 9 * 0x10001 })
	codes4 := g.words("gemvCodesQ4_0", func(i int) uint32 { return nibbleWord(2*i) | nibbleWord(2*i+1)<<16 })

	g.kernel("gemvQ8_0", 34, gemvFormat{
		several: func() (sum, scale reg.VecVirtual) {
			sum = g.fourQ8(a.broadcast(flip), g.load(order))
			g.addOffsets(sum, 0)
			return sum, g.fourScales(g.load(scales8))
		},
		one: func() reg.VecVirtual { return g.addOffset(g.wideOneQ8(a.broadcast(flip)), 0) },
	})
	g.kernel("gemvQ4_0", 18, gemvFormat{
		several: func() (sum, scale reg.VecVirtual) {
			sum, scale = g.fourQ4(a.broadcast(nibble), g.load(codes4), g.load(scales4))
			g.addOffsets(sum, 4)
			return sum, scale
		},
		one: func() reg.VecVirtual { return g.addOffset(g.wideOneQ4(a.broadcast(nibble), g.load(firsts)), 4) },
	})
}

// nibbleWord is where word i of the codes of 4 blocks of q4_0, 8 each after a
// scale, stands in two registers of 32 words, the second loaded 28 words further.
func nibbleWord(i int) uint32 {
	word := i/8*9 + 1 + i%8
	if word >= 32 {
		word += 32 - 28
	}
	return uint32(word)
}

// rowMasks have words 4k+r of the scales, those of rows 1 to 3.
var rowMasks = []reg.Register{reg.K2, reg.K3, reg.K4}

// masks: K1 has the words of 4 metas, K5 what fourScales takes of the later blocks.
func (g *gemv) masks() {
	m := g.GP32()
	g.MOVL(U32(1<<(4*metaSize/4)-1), m)
	g.KMOVD(m, reg.K1)
	for r, k := range rowMasks {
		g.MOVL(U32(0x2222<<r), m)
		g.KMOVD(m, k)
	}
	g.MOVL(U32(1<<1|1<<18), m)
	g.KMOVD(m, reg.K5)
}

// wideMetas returns a word of each of four metas, where index has it.
func (g *gemv) wideMetas(index reg.VecVirtual) reg.VecVirtual {
	metas := g.ZMM()
	g.VMOVDQU32_Z(Mem{Base: g.meta}, reg.K1, metas)
	g.VPERMD(metas, index, metas)
	return metas
}

// addOffsets adds to the sums of four blocks what the vector's metas have too
// much of, shifted.
func (g *gemv) addOffsets(sum reg.VecVirtual, shift uint64) {
	offset := g.wideMetas(g.load(g.offsetWords))
	if shift > 0 {
		g.VPSRAD(Imm(shift), offset, offset)
	}
	g.VPADDD(offset, sum, sum)
}

// addOffset is addOffsets for one block.
func (g *gemv) addOffset(sum reg.VecVirtual, shift uint64) reg.VecVirtual {
	offset := g.XMM()
	g.VPBROADCASTD(Mem{Base: g.meta, Disp: 4}, offset)
	if shift > 0 {
		g.VPSRAD(Imm(shift), offset, offset)
	}
	g.VPADDD(offset, sum.AsX(), sum.AsX())
	return sum
}

// fourScales loads the scales of 4 blocks of q8_0 of the 4 rows. They span more
// than a register: words 34 and 51 take the places of words 1 and 18.
func (g *gemv) fourScales(index reg.VecVirtual) reg.VecVirtual {
	scale := g.ZMM()
	for r := range 4 {
		words := g.ZMM()
		g.VMOVDQU32(g.rows.at(r, 0), words)
		g.VMOVDQU16(g.rows.at(r, 2*(34-1)), reg.K5, words)
		g.scalesOf(r, words, index, scale)
	}
	g.VCVTPH2PS(scale.AsY(), scale)
	return scale
}

// scalesOf puts the scales of row r among its words in their places.
func (g *gemv) scalesOf(r int, words, index, scale reg.VecVirtual) {
	if r == 0 {
		g.VPERMW(words, index, scale)
		return
	}
	g.VPERMW(words, index, rowMasks[r-1], scale)
}

// dot returns the products of bytes, added by fours, of a register of weights.
func (g *gemv) dot(w, x reg.VecVirtual) reg.VecVirtual {
	s := g.ZMM()
	g.VPXORD(s, s, s)
	g.VPDPBUSD(x, w, s)
	return s
}

// fold adds the dwords of a and b that unpacking brings together.
func (g *gemv) fold(a, b reg.Register, low, high func(...Op)) reg.VecVirtual {
	s := g.ZMM()
	low(b, a, s)
	high(b, a, a)
	g.VPADDD(a, s, s)
	return s
}

// rowPair loads a block's bytes of rows r and r+by.
func (g *gemv) rowPair(r, by, disp int, flip reg.VecVirtual) reg.VecVirtual {
	w := g.ZMM()
	g.VMOVDQU32(g.rows.at(r, disp), w.AsY())
	g.VINSERTI64X4(Imm(1), g.rows.at(r+by, disp), w, w)
	g.VPXORD(flip, w, w)
	return w
}

func (g *gemv) fourQ8(flip, order reg.VecVirtual) reg.VecVirtual {
	var pairs [2]reg.VecVirtual
	for p := range pairs {
		var folded [2]reg.VecVirtual
		for i := range folded {
			k, x := 2*p+i, g.ZMM()
			g.VBROADCASTI64X4(Mem{Base: g.x, Disp: 32 * k}, x)
			even, odd := g.dot(g.rowPair(0, 2, 34*k+2, flip), x), g.dot(g.rowPair(1, 2, 34*k+2, flip), x)
			folded[i] = g.fold(even, odd, g.VPUNPCKLDQ, g.VPUNPCKHDQ)
		}
		pairs[p] = g.fold(folded[0], folded[1], g.VPUNPCKLQDQ, g.VPUNPCKHQDQ)
	}
	low, sum := g.ZMM(), g.ZMM()
	g.VSHUFI32X4(Imm(0x88), pairs[1], pairs[0], low)
	g.VSHUFI32X4(Imm(0xdd), pairs[1], pairs[0], sum)
	g.VPADDD(low, sum, sum)
	g.VPERMD(sum, order, sum)
	return sum
}

func (g *gemv) wideOneQ8(flip reg.VecVirtual) reg.VecVirtual {
	x := g.ZMM()
	g.VBROADCASTI64X4(Mem{Base: g.x}, x)
	even, odd := g.dot(g.rowPair(0, 2, 2, flip), x), g.dot(g.rowPair(1, 2, 2, flip), x)
	s := g.fold(even, odd, g.VPUNPCKLDQ, g.VPUNPCKHDQ) // rows 0, 1, 0, 1; again; 2, 3, 2, 3; again
	t := g.YMM()
	g.VEXTRACTI64X4(Imm(1), s, t)
	low := g.fold(s, t.AsZ(), g.VPUNPCKLQDQ, g.VPUNPCKHQDQ) // rows 0 to 3, twice
	g.VEXTRACTI32X4(Imm(1), low.AsY(), t.AsX())
	g.VPADDD(t.AsX(), low.AsX(), low.AsX())
	return low
}

func (g *gemv) fourQ4(nibble, codes, scales reg.VecVirtual) (sum, scale reg.VecVirtual) {
	a, b, low, high := g.ZMM(), g.ZMM(), g.ZMM(), g.ZMM()
	g.VMOVDQU32(Mem{Base: g.x}, a)
	g.VMOVDQU32(Mem{Base: g.x, Disp: 64}, b)
	g.VSHUFI32X4(Imm(0x88), b, a, low)
	g.VSHUFI32X4(Imm(0xdd), b, a, high)
	scale = g.ZMM()
	var s [4]reg.VecVirtual
	for r := range s {
		w, rest := g.ZMM(), g.ZMM()
		g.VMOVDQU32(g.rows.at(r, 0), w)
		g.VMOVDQU32(g.rows.at(r, 2*28), rest.AsX())
		g.scalesOf(r, w, scales, scale)
		g.VPERMT2W(rest, codes, w)
		s[r] = g.dotNibbles(w, low, high, nibble)
	}
	g.VCVTPH2PS(scale.AsY(), scale)
	even, odd := g.fold(s[0], s[1], g.VPUNPCKLDQ, g.VPUNPCKHDQ), g.fold(s[2], s[3], g.VPUNPCKLDQ, g.VPUNPCKHDQ)
	return g.fold(even, odd, g.VPUNPCKLQDQ, g.VPUNPCKHQDQ), scale
}

// dotNibbles adds the products of the low halves of bytes with x, of the high ones with y.
func (g *gemv) dotNibbles(w, x, y, nibble reg.VecVirtual) reg.VecVirtual {
	h := g.ZMM()
	g.VPSRLW(Imm(4), w, h)
	g.VPANDD(nibble, w, w)
	g.VPANDD(nibble, h, h)
	s := g.dot(w, x)
	g.VPDPBUSD(y, h, s)
	return s
}

func (g *gemv) wideOneQ4(nibble, firsts reg.VecVirtual) reg.VecVirtual {
	w, low, high := g.ZMM(), g.ZMM(), g.ZMM()
	g.VMOVDQU32(g.rows.at(0, 2), w.AsX())
	for r := 1; r < 4; r++ {
		g.VINSERTI32X4(Imm(uint64(r)), g.rows.at(r, 2), w, w)
	}
	g.VBROADCASTI32X4(Mem{Base: g.x}, low)
	g.VBROADCASTI32X4(Mem{Base: g.x, Disp: 16}, high)
	s := g.dotNibbles(w, low, high, nibble)
	for _, swap := range []uint64{0x4e, 0xb1} {
		t := g.ZMM()
		g.VPSHUFD(Imm(swap), s, t)
		g.VPADDD(t, s, s)
	}
	g.VPERMD(s, firsts, s)
	return s
}
