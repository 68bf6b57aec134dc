package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// directKernels are for the tokens of sequences that decode together, too few to
// pay for packing weights.
func directKernels(a *asm) {
	bytes, nibbles := a.foursVNNI("direct")
	a.directVNNI("directQ8_0", 34, bytes)
	a.directVNNI("directQ4_0", 18, nibbles)
}

// directVNNI writes the kernel that multiplies few tokens with 32 rows at a time
// as they stand in the file, in blocks of size bytes. What tileVNNI reads from a
// panel it makes in registers, sixteen for a block, and keeps there for all
// tokens; so the sums of a token are in memory between blocks. A block's sums are
// of two halves, or the next token's would wait for them. It asks for the 32 rows
// that follow, evenly: the processor does not foresee so many.
func (a *asm) directVNNI(name string, size int, codes foursOf) {
	a.fn(name,
		"func(dst *float32, ld int, w *byte, rowStride int, x *byte, stride int, meta *byte, metaStride int, blocks, groups, tokens int)",
		"dst[q*ld+j] = x[q]·row j, q < tokens, j < 32 × groups. Strides are in bytes.")
	a.SHLQ(Imm(2), a.mem("ld"))
	a.Label("group")
	a.clearOutputs()
	rowStride := a.arg("rowStride")
	rows := a.table(a.loaded(a.mem("w")), rowStride, 1, 16, a.times(rowStride, 3))
	half, next := a.times(rowStride, 16), a.times(rowStride, 32)
	a.ADDQ(rows.bases[0], next)
	a.MOVQ(next, a.mem("w"))
	left, x, meta := a.local("blocks"), a.arg("x"), a.arg("meta")

	a.Label("block")
	var scale [2]reg.VecVirtual
	var w [2][8]reg.VecVirtual
	for c := range scale {
		scale[c] = a.scalesVNNI(rows)
		codes(rows, func(i int, four reg.VecVirtual) { w[c][i] = four })
		for _, b := range rows.bases {
			if c == 0 {
				a.ADDQ(half, b)
			} else {
				a.SUBQ(half, b)
			}
		}
	}
	a.advance(rows, size)
	for line := 0; line < 32*size; line += 64 {
		a.PREFETCHT0(Mem{Base: next, Disp: line})
	}
	a.ADDQ(imm(32*size), next)

	xs, metas, out, tokens := a.copyOf(x), a.copyOf(meta), a.arg("dst"), a.arg("tokens")
	a.Label("token")
	sum, four, t := [4]reg.VecVirtual{a.ZMM(), a.ZMM(), a.ZMM(), a.ZMM()}, a.ZMM(), a.ZMM()
	a.VPBROADCASTD(Mem{Base: metas, Disp: 4}, sum[0])
	a.VMOVDQA32(sum[0], sum[1])
	a.VPXORD(sum[2], sum[2], sum[2])
	a.VPXORD(sum[3], sum[3], sum[3])
	for i := range 8 {
		a.VPBROADCASTD(Mem{Base: xs, Disp: 4 * i}, four)
		a.VPDPBUSD(four, w[0][i], sum[i%2*2])
		a.VPDPBUSD(four, w[1][i], sum[i%2*2+1])
	}
	a.VPADDD(sum[2], sum[0], sum[0])
	a.VPADDD(sum[3], sum[1], sum[1])
	a.VBROADCASTSS(Mem{Base: metas}, four)
	for c, s := range sum[:2] {
		at := Mem{Base: out, Disp: 64 * c}
		a.VCVTDQ2PS(s, s)
		a.VMULPS(four, scale[c], t)
		a.VFMADD213PS(at, t, s)
		a.VMOVUPS(s, at)
	}
	a.ADDQ(a.mem("stride"), xs)
	a.ADDQ(a.mem("metaStride"), metas)
	a.ADDQ(a.mem("ld"), out)
	a.DECQ(tokens)
	a.JNZ(LabelRef("token"))
	a.ADDQ(imm(32), x)
	a.ADDQ(imm(metaSize), meta)
	a.DECQ(left)
	a.JNZ(LabelRef("block"))

	a.ADDQ(imm(128), a.mem("dst"))
	a.DECQ(a.mem("groups"))
	a.JNZ(LabelRef("group"))
	a.ret()
}

// clearOutputs clears 32 outputs of each token.
func (a *asm) clearOutputs() {
	out, tokens, zero := a.arg("dst"), a.arg("tokens"), a.ZMM()
	a.VPXORD(zero, zero, zero)
	a.Label("clear")
	a.VMOVUPS(zero, Mem{Base: out})
	a.VMOVUPS(zero, Mem{Base: out, Disp: 64})
	a.ADDQ(a.mem("ld"), out)
	a.DECQ(tokens)
	a.JNZ(LabelRef("clear"))
}

// local copies an argument into the frame and returns its place.
func (a *asm) local(arg string) Mem {
	m := a.AllocLocal(8)
	a.MOVQ(a.arg(arg), m)
	return m
}
