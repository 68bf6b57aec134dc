package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// metaSize is the size of a block of activations' scale (0), offset (4) and
// pair of int16 offsets (8).
const metaSize = 12

func quantizeKernels(a *asm) {
	abs, ones, ones16 := a.constant("abs", 0x7fffffff), a.constant("ones8", 0x01010101), a.constant("ones16", 0x00010001)
	order := a.StaticGlobal("order") // undoes the interleaving of the packing instructions
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, i := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		a.AppendDatum(U32(i))
	}
	limit, infinity, most := a.constant("tiniest", 0x03800000), a.constant("infinity", 0x7f800000), a.constant("most", 0x42fe0000)

	a.fn("quantize", "func(codes *int8, wide *int16, meta *byte, x *float32, blocks int)", "wide may be nil.")
	codes, wide, meta, x, blocks := a.arg("codes"), a.arg("wide"), a.arg("meta"), a.arg("x"), a.arg("blocks")
	v := a.vecs(4)
	c := a.YMM()

	a.Label("block")
	largest := a.XMM()
	a.largest(abs, x, v, largest)
	inv, scale := a.XMM(), a.XMM()
	a.VMOVSS(most, inv)
	a.VDIVSS(inv, largest, scale)
	a.VDIVSS(largest, inv, inv)
	a.VUCOMISS(infinity, largest)
	a.JCC(LabelRef("special")) // not below, or unordered is below:
	a.JP(LabelRef("special"))
	a.VUCOMISS(limit, largest)
	a.JCS(LabelRef("special"))
	a.VMOVSS(scale, Mem{Base: meta})
	factor := a.YMM()
	a.VBROADCASTSS(inv, factor)
	for _, r := range v {
		a.VMULPS(factor, r, r)
		a.VCVTPS2DQ(r, r)
	}
	a.VPACKSSDW(v[1], v[0], v[0])
	a.VPACKSSDW(v[3], v[2], v[2])
	a.VPACKSSWB(v[2], v[0], c)
	perm := a.YMM()
	a.VMOVDQU(order, perm)
	a.VPERMD(c, perm, c)

	a.Label("store")
	a.VMOVDQU(c, Mem{Base: codes})
	a.offsets(c, meta, ones, ones16)
	a.TESTQ(wide, wide)
	a.JZ(LabelRef("next"))
	w := a.YMM()
	a.VPMOVSXBW(c.AsX(), w)
	a.VMOVDQU(w, Mem{Base: wide})
	a.VEXTRACTI128(Imm(1), c, c.AsX())
	a.VPMOVSXBW(c.AsX(), w)
	a.VMOVDQU(w, Mem{Base: wide, Disp: 32})
	a.ADDQ(Imm(64), wide)
	a.Label("next")
	a.ADDQ(Imm(32), codes)
	a.ADDQ(Imm(128), x)
	a.ADDQ(Imm(metaSize), meta)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.ret()

	a.Label("special")
	a.VSUBSS(largest, largest, scale) // 0, or NaN of an infinity or a NaN
	a.VMOVSS(scale, Mem{Base: meta})
	a.VPXOR(c, c, c)
	a.JMP(LabelRef("store"))
}

// largest loads a block and finds its largest magnitude, as an integer.
func (a *asm) largest(abs Mem, x reg.Register, v []reg.VecVirtual, largest reg.VecVirtual) {
	mask, m, t := a.YMM(), a.YMM(), a.YMM()
	a.VMOVUPS(abs, mask)
	for i, r := range v {
		a.VMOVUPS(Mem{Base: x, Disp: 32 * i}, r)
		if i == 0 {
			a.VANDPS(mask, r, m)
			continue
		}
		a.VANDPS(mask, r, t)
		a.VPMAXSD(t, m, m)
	}
	a.VEXTRACTI128(Imm(1), m, t.AsX())
	a.VPMAXSD(t.AsX(), m.AsX(), m.AsX())
	a.VPSHUFD(Imm(0x4e), m.AsX(), t.AsX())
	a.VPMAXSD(t.AsX(), m.AsX(), m.AsX())
	a.VPSHUFD(Imm(0xb1), m.AsX(), t.AsX())
	a.VPMAXSD(t.AsX(), m.AsX(), largest)
}

// offsets stores minus 128 times the sum of the codes, and minus 8 times the sums
// of the pairs of codes 4i, 4i+1 and 4i+2, 4i+3.
func (a *asm) offsets(c reg.VecVirtual, meta reg.Register, ones, ones16 Mem) {
	s, t := a.YMM(), a.XMM()
	a.VMOVDQU(ones, s)
	a.VPMADDUBSW(c, s, s)
	a.VEXTRACTI128(Imm(1), s, t)
	a.VPADDW(t, s.AsX(), t)
	p := a.XMM()
	a.VPSHUFD(Imm(0x4e), t, p)
	a.VPADDW(p, t, t)
	a.VPSHUFD(Imm(0xb1), t, p)
	a.VPADDW(p, t, t)
	a.VPSLLW(Imm(3), t, t)
	a.VPXOR(p, p, p)
	a.VPSUBW(t, p, t)
	a.VMOVD(t, Mem{Base: meta, Disp: 8})
	a.VPMADDWD(ones16, t, t)
	a.VPSLLD(Imm(4), t, t)
	a.VMOVD(t, Mem{Base: meta, Disp: 4})
}
