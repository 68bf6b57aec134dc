package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// directTokens is the most that a kernel takes without a panel.
const directTokens = 8

// directKernels are for the tokens of sequences that decode together, too few to
// pay for packing weights.
func directKernels(a *asm) {
	bytes, nibbles := a.foursVNNI("direct")
	for tokens := 2; tokens <= directTokens; tokens++ {
		a.directVNNI("directQ8_0", tokens, 34, bytes)
		a.directVNNI("directQ4_0", tokens, 18, nibbles)
	}
}

// directVNNI writes the kernel that multiplies few tokens with 16 rows at a time
// as they stand in the file, in blocks of size bytes. What tileVNNI reads from a
// panel it makes in registers; the shuffles of a block run beside the
// multiplications of the one before. It asks for the 16 rows that follow, evenly:
// the processor does not foresee so many.
func (a *asm) directVNNI(name string, tokens, size int, codes foursOf) {
	a.fn(fmt.Sprintf("%sx%d", name, tokens),
		"func(dst *float32, ld int, w *byte, rowStride int, x *byte, stride int, meta *byte, metaStride int, blocks, groups int)",
		fmt.Sprintf("dst[q*ld+j] = x[q]·row j, q < %d, j < 16 × groups. Strides are in bytes.", tokens))
	w, dst, groups := a.mem("w"), a.mem("dst"), a.mem("groups")

	a.Label("group")
	left := a.local("blocks")
	total, sum := a.vecs(tokens), a.vecs(tokens)
	for _, v := range total {
		a.VPXORD(v, v, v)
	}
	rowStride, stride, metaStride := a.arg("rowStride"), a.arg("stride"), a.arg("metaStride")
	rows := a.table(a.loaded(w), rowStride, 1, 16, a.times(rowStride, 3))
	next := a.times(rowStride, 16)
	a.ADDQ(rows.bases[0], next)
	a.MOVQ(next, w)
	xs := a.table(a.loaded(a.mem("x")), stride, 1, tokens, a.times(stride, 3))
	metas := a.table(a.loaded(a.mem("meta")), metaStride, 1, tokens, a.times(metaStride, 3))

	a.Label("block")
	scale, t := a.scalesVNNI(rows), a.ZMM()
	for q, s := range sum {
		a.VPBROADCASTD(metas.at(q, 4), s)
	}
	codes(rows, func(i int, four reg.VecVirtual) {
		for q, s := range sum {
			a.VPDPBUSD_BCST(xs.at(q, 4*i), four, s)
		}
	})
	for q, s := range sum {
		a.VMULPS_BCST(metas.at(q, 0), scale, t)
		a.VCVTDQ2PS(s, s)
		a.VFMADD231PS(t, s, total[q])
	}
	for line := 0; line < 16*size; line += 64 {
		a.PREFETCHT0(Mem{Base: next, Disp: line})
	}
	a.ADDQ(imm(16*size), next)
	a.advance(rows, size)
	a.advance(xs, 32)
	a.advance(metas, metaSize)
	a.DECQ(left)
	a.JNZ(LabelRef("block"))

	out := a.table(a.loaded(dst), a.arg("ld"), 4, tokens, nil)
	for q, v := range total {
		a.VMOVUPS(v, out.at(q, 0))
	}
	a.ADDQ(imm(64), dst)
	a.DECQ(groups)
	a.JNZ(LabelRef("group"))
	a.ret()
}

// local copies an argument into the frame and returns its place.
func (a *asm) local(arg string) Mem {
	m := a.AllocLocal(8)
	a.MOVQ(a.arg(arg), m)
	return m
}
