package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
)

// vnniKernels multiply tokens with a panel of 16 rows of unsigned bytes,
// [four][16][4], for both formats. The offset of the codes is in the value that
// a block's sum starts from, so that the sum ends exact.
func vnniKernels(a *asm) {
	for _, tokens := range []int{1, 2, 4, 8, 12} {
		a.tileVNNI("Q8_0", tokens, 4) // 16 × 8 = 128
		a.tileVNNI("Q4_0", tokens, 0)
	}
}

func (a *asm) tileVNNI(name string, tokens int, shift uint64) {
	a.fn(fmt.Sprintf("tile%sx%d", name, tokens),
		"func(dst *float32, ld int, x *byte, stride int, meta *byte, metaStride int, panel *byte, scales *float32, blocks int)",
		fmt.Sprintf("dst[q*ld+j] += x[q]·row j, q < %d, j < 16. Strides are in bytes.", tokens))
	total, sum := a.vecs(tokens), a.vecs(tokens)
	dst := a.table(a.arg("dst"), a.arg("ld"), 4, tokens, nil)
	for q, v := range total {
		a.VMOVUPS(dst.at(q, 0), v)
	}
	x := a.table(a.arg("x"), a.arg("stride"), 1, tokens, nil)
	meta := a.table(a.arg("meta"), a.arg("metaStride"), 1, tokens, nil)
	panel, scales, blocks := a.arg("panel"), a.arg("scales"), a.arg("blocks")

	a.Label("block")
	for q, s := range sum {
		a.VPBROADCASTD(meta.at(q, 4), s)
		if shift > 0 {
			a.VPSLLD(Imm(shift), s, s)
		}
	}
	w := a.ZMM()
	for i := range 8 {
		a.VMOVDQU32(Mem{Base: panel, Disp: 64 * i}, w)
		for q, s := range sum {
			a.VPDPBUSD_BCST(x.at(q, 4*i), w, s)
		}
	}
	scale, t := a.ZMM(), a.ZMM()
	a.VMOVUPS(Mem{Base: scales}, scale)
	for q, s := range sum {
		a.VMULPS_BCST(meta.at(q, 0), scale, t)
		a.VCVTDQ2PS(s, s)
		a.VFMADD231PS(t, s, total[q])
	}
	a.advance(x, 32)
	a.advance(meta, metaSize)
	a.ADDQ(imm(512), panel)
	a.ADDQ(imm(64), scales)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	dst = a.table(a.arg("dst"), a.arg("ld"), 4, tokens, nil)
	for q, v := range total {
		a.VMOVUPS(v, dst.at(q, 0))
	}
	a.ret()
}
