package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

func halfKernels(a *asm) {
	for _, f := range formats[1:3] {
		a.fn("decode"+f.name, "func(dst *float32, src *byte, n int)", "n is a positive multiple of 8.")
		dst, src, n := a.arg("dst"), a.arg("src"), a.arg("n")
		a.Label("loop")
		v := a.YMM()
		a.convert(f, Mem{Base: src}, v)
		a.VMOVUPS(v, Mem{Base: dst})
		a.ADDQ(Imm(16), src)
		a.ADDQ(Imm(32), dst)
		a.SUBQ(Imm(8), n)
		a.JNZ(LabelRef("loop"))
		a.ret()
	}
	a.encodeF16()
	a.encodeBF16()
}

func (a *asm) encodeF16() {
	a.fn("encodeF16", "func(dst *byte, src *float32, n int)", "n is a positive multiple of 8.")
	dst, src, n := a.arg("dst"), a.arg("src"), a.arg("n")
	a.Label("loop")
	v := a.YMM()
	a.VMOVUPS(Mem{Base: src}, v)
	a.VCVTPS2PH(Imm(0), v, Mem{Base: dst})
	a.ADDQ(Imm(32), src)
	a.ADDQ(Imm(16), dst)
	a.SUBQ(Imm(8), n)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

func (a *asm) encodeBF16() {
	below, lsb, quiet := a.constant("belowHalf", 0x7fff), a.constant("lsb", 1), a.constant("quiet", 0x40)
	a.fn("encodeBF16", "func(dst *byte, src *float32, n int)", "n is a positive multiple of 8.")
	dst, src, n := a.arg("dst"), a.arg("src"), a.arg("n")
	a.Label("loop")
	v, top, nan := a.YMM(), a.YMM(), a.YMM()
	a.VMOVUPS(Mem{Base: src}, v)
	a.VCMPPS(Imm(3), v, v, nan)
	a.VPSRLD(Imm(16), v, top)
	r := a.YMM()
	a.VPAND(lsb, top, r)
	a.VPADDD(below, r, r)
	a.VPADDD(v, r, r)
	a.VPSRLD(Imm(16), r, r)
	a.VPOR(quiet, top, top)
	a.VPBLENDVB(nan, top, r, r)
	a.VEXTRACTI128(Imm(1), r, top.AsX())
	a.VPACKUSDW(top.AsX(), r.AsX(), r.AsX())
	a.VMOVDQU(r.AsX(), Mem{Base: dst})
	a.ADDQ(Imm(32), src)
	a.ADDQ(Imm(16), dst)
	a.SUBQ(Imm(8), n)
	a.JNZ(LabelRef("loop"))
	a.ret()
}
