package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wideGemvKernels multiply one vector with 4 rows at a time, as they stand in
// the file. The rows are far apart and each is followed by its neighbour, so
// that the processor sees four long streams. Four blocks of each give 16 exact
// sums, a lane per block, which enter the four chains of additions in turn.
func wideGemvKernels(a *asm) {
	g := &wideGemv{asm: a}
	g.scales = g.words("gemvMetaScales", func(i int) uint32 { return uint32(i / 4 * metaSize / 4) })
	g.offsets = g.words("gemvMetaOffsets", func(i int) uint32 { return uint32(i/4*metaSize/4 + 1) })
	flip, nibble := a.constant("gemvFlip", 0x80808080), a.constant("gemvNibbles", 0x0f0f0f0f)
	order := g.words("gemvOrder", func(i int) uint32 { return []uint32{0, 1, 4, 5, 2, 3, 6, 7}[i%8] + uint32(i/8*8) })
	firsts := g.words("gemvFirsts", func(i int) uint32 { return uint32(4 * i % 16) })
	// Words 4k to 4k+3 of a row's scales are block k's.
	scales8 := g.words("gemvScalesQ8_0", func(i int) uint32 { return []uint32{0, 17, 1, 18}[i/2%4] * 0x10001 })
	scales4 := g.words("gemvScalesQ4_0", func(i int) uint32 { return uint32(i/2%4) * 9 * 0x10001 })
	codes4 := g.words("gemvCodesQ4_0", func(i int) uint32 { return nibbleWord(2*i) | nibbleWord(2*i+1)<<16 })

	g.kernel("gemvQ8_0", 34, 0, gemvFormat{
		four: func() (sum, scale reg.VecVirtual) {
			return g.fourQ8(a.broadcast(flip), g.load(order)), g.fourScales(g.load(scales8))
		},
		one: func() reg.VecVirtual { return g.oneQ8(a.broadcast(flip)) },
	})
	g.kernel("gemvQ4_0", 18, 4, gemvFormat{
		four: func() (sum, scale reg.VecVirtual) {
			return g.fourQ4(a.broadcast(nibble), g.load(codes4), g.load(scales4))
		},
		one: func() reg.VecVirtual { return g.oneQ4(a.broadcast(nibble), g.load(firsts)) },
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

type wideGemv struct {
	*asm
	rows    *table // of the 4
	x, meta reg.Register
	shift   uint64 // of the offset

	scales, offsets Mem // where metas of 4 blocks have them
}

// gemvFormat writes the loads and integer sums of a format.
type gemvFormat struct {
	four func() (sum, scale reg.VecVirtual) // of 4 blocks of the 4 rows
	one  func() (sum reg.VecVirtual)        // of a block of the 4 rows
}

// kernel writes a function for blocks of size bytes.
func (g *wideGemv) kernel(name string, size int, shift uint64, f gemvFormat) {
	g.fn(name, "func(dst *float32, ld int, w *byte, far, stride int, codes *int8, meta *byte, blocks, count int)",
		"dst[r*ld+j] = x·row(r, j), r < 4, j < count, which begins at w[r*far+j*stride].")
	dst, ld, w, far := g.arg("dst"), g.arg("ld"), g.arg("w"), g.arg("far")
	out := g.table(dst, ld, 4, 4, g.times(ld, 3))
	g.rows = g.table(w, far, 1, 4, g.times(far, 3))
	g.shift = shift
	g.masks()

	g.Label("row")
	g.x, g.meta = g.arg("codes"), g.arg("meta")
	begin := g.copyOf(g.rows.bases[0])
	acc := g.XMM()
	g.VXORPS(acc, acc, acc)
	left := g.arg("blocks")
	g.SUBQ(Imm(4), left)
	g.JL(LabelRef("rest"))

	g.Label("four")
	g.chainFour(f.four, acc)
	g.next(4, size)
	g.SUBQ(Imm(4), left)
	g.JGE(LabelRef("four"))

	g.Label("rest")
	g.ADDQ(Imm(4), left)
	g.JZ(LabelRef("store"))
	g.Label("one")
	d := g.XMM()
	g.VPXOR(d, d, d)
	for r := range 4 {
		g.VPINSRW(Imm(uint64(r)), g.rows.at(r, 0), d, d)
	}
	g.VCVTPH2PS(d, d)
	g.chainOne(f.one().AsX(), d, acc)
	g.next(1, size)
	g.DECQ(left)
	g.JNZ(LabelRef("one"))

	g.Label("store")
	g.VMOVSS(acc, out.at(0, 0))
	for r := 1; r < 4; r++ {
		g.VEXTRACTPS(Imm(uint64(r)), acc, out.at(r, 0))
	}
	g.advance(out, 4)
	g.MOVQ(begin, g.rows.bases[0])
	g.ADDQ(g.mem("stride"), g.rows.bases[0])
	g.DECQ(g.mem("count"))
	g.JNZ(LabelRef("row"))
	g.ret()
}

// rowMasks have words 4k+r of the scales, those of rows 1 to 3.
var rowMasks = []reg.Register{reg.K2, reg.K3, reg.K4}

// masks: K1 has the words of 4 metas, K5 what fourScales takes of the later blocks.
func (g *wideGemv) masks() {
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

// chainFour adds four blocks of the four rows, one after the other, to their sums.
func (g *wideGemv) chainFour(four func() (sum, scale reg.VecVirtual), acc reg.Register) {
	sum, scale := four()
	metas, offset := g.ZMM(), g.ZMM()
	g.VMOVDQU32_Z(Mem{Base: g.meta}, reg.K1, metas)
	g.VPERMD(metas, g.load(g.offsets), offset)
	g.VPERMD(metas, g.load(g.scales), metas)
	if g.shift > 0 {
		g.VPSRAD(Imm(g.shift), offset, offset)
	}
	g.VPADDD(offset, sum, sum)
	g.VCVTDQ2PS(sum, sum)
	g.VMULPS(metas, scale, scale)
	g.VFMADD231PS(scale.AsX(), sum.AsX(), acc)
	for k := 1; k < 4; k++ {
		s, d := g.XMM(), g.XMM()
		g.VEXTRACTF32X4(Imm(uint64(k)), sum, s)
		g.VEXTRACTF32X4(Imm(uint64(k)), scale, d)
		g.VFMADD231PS(d, s, acc)
	}
}

// chainOne adds a block of the four rows to their sums.
func (g *wideGemv) chainOne(sum, scale, acc reg.Register) {
	offset := g.XMM()
	g.VPBROADCASTD(Mem{Base: g.meta, Disp: 4}, offset)
	if g.shift > 0 {
		g.VPSRAD(Imm(g.shift), offset, offset)
	}
	g.VPADDD(offset, sum, sum)
	g.VCVTDQ2PS(sum, sum)
	g.VMULPS_BCST(Mem{Base: g.meta}, scale, scale)
	g.VFMADD231PS(scale, sum, acc)
}

func (g *wideGemv) next(blocks, size int) {
	g.advance(g.rows, blocks*size)
	g.ADDQ(imm(32*blocks), g.x)
	g.ADDQ(imm(metaSize*blocks), g.meta)
}

// fourScales loads the scales of 4 blocks of q8_0 of the 4 rows. They span more
// than a register: words 34 and 51 take the places of words 1 and 18.
func (g *wideGemv) fourScales(index reg.VecVirtual) reg.VecVirtual {
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
func (g *wideGemv) scalesOf(r int, words, index, scale reg.VecVirtual) {
	if r == 0 {
		g.VPERMW(words, index, scale)
		return
	}
	g.VPERMW(words, index, rowMasks[r-1], scale)
}

// dot returns the products of bytes, added by fours, of a register of weights.
func (g *wideGemv) dot(w, x reg.VecVirtual) reg.VecVirtual {
	s := g.ZMM()
	g.VPXORD(s, s, s)
	g.VPDPBUSD(x, w, s)
	return s
}

// fold adds the dwords of a and b that unpacking brings together.
func (g *wideGemv) fold(a, b reg.Register, low, high func(...Op)) reg.VecVirtual {
	s := g.ZMM()
	low(b, a, s)
	high(b, a, a)
	g.VPADDD(a, s, s)
	return s
}

// rowPair loads a block's bytes of rows r and r+by.
func (g *wideGemv) rowPair(r, by, disp int, flip reg.VecVirtual) reg.VecVirtual {
	w := g.ZMM()
	g.VMOVDQU32(g.rows.at(r, disp), w.AsY())
	g.VINSERTI64X4(Imm(1), g.rows.at(r+by, disp), w, w)
	g.VPXORD(flip, w, w)
	return w
}

func (g *wideGemv) fourQ8(flip, order reg.VecVirtual) reg.VecVirtual {
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

func (g *wideGemv) oneQ8(flip reg.VecVirtual) reg.VecVirtual {
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

func (g *wideGemv) fourQ4(nibble, codes, scales reg.VecVirtual) (sum, scale reg.VecVirtual) {
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
func (g *wideGemv) dotNibbles(w, x, y, nibble reg.VecVirtual) reg.VecVirtual {
	h := g.ZMM()
	g.VPSRLW(Imm(4), w, h)
	g.VPANDD(nibble, w, w)
	g.VPANDD(nibble, h, h)
	s := g.dot(w, x)
	g.VPDPBUSD(y, h, s)
	return s
}

func (g *wideGemv) oneQ4(nibble, firsts reg.VecVirtual) reg.VecVirtual {
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
