package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// minsTokens is the most tokens whose chains fit the registers.
const minsTokens = 3

// tileMins writes the kernel that takes off the products of a panel's minimums.
// There is a chain for each lane of gemvQ4_K, whose blocks follow each other in turn.
func (a *asm) tileMins(tokens int) {
	a.fn(fmt.Sprintf("minsx%d", tokens), "func(dst *float32, ld int, sums *float32, stride int, mins *float32, blocks, groups int)",
		fmt.Sprintf("dst[q*ld+j] -= sums[q]·mins[j], q < %d × groups, j < %d. Stride is in bytes.", tokens, 2*a.lanes))
	apart := a.apart()
	dst, ld, sums, stride := a.mem("dst"), a.arg("ld"), a.mem("sums"), a.arg("stride")
	a.Label("group")
	chains := make([][][2]reg.VecVirtual, a.lanes/4)
	for c := range chains {
		chains[c] = a.tileVecs(tokens)
		for _, v := range chains[c] {
			a.zero(v[:]...)
		}
	}
	xs := a.table(a.loaded(sums), stride, 1, tokens, nil)
	mins, left := a.arg("mins"), a.arg("blocks")
	a.Label("blocks")
	w, x := [2]reg.VecVirtual{a.vec(), a.vec()}, a.vec()
	for c, chain := range chains {
		for i, v := range w {
			a.VMOVUPS(Mem{Base: mins, Disp: c*apart + apart/2*i}, v)
		}
		for q, v := range chain {
			a.VBROADCASTSS(xs.at(q, 4*c), x)
			a.VFMADD231PS(x, w[0], v[0])
			a.VFMADD231PS(x, w[1], v[1])
		}
	}
	a.advance(xs, 4*len(chains))
	a.ADDQ(imm(len(chains)*apart), mins)
	a.SUBQ(imm(len(chains)), left)
	a.JNZ(LabelRef("blocks"))
	total := chains[0]
	for _, chain := range chains[1:] {
		for q, v := range chain {
			a.VADDPS(v[0], total[q][0], total[q][0])
			a.VADDPS(v[1], total[q][1], total[q][1])
		}
	}
	out := a.table(a.loaded(dst), ld, 4, tokens, nil)
	for q, v := range total {
		for i, m := range v {
			t := a.vec()
			a.VMOVUPS(out.at(q, apart/2*i), t)
			a.VSUBPS(m, t, t)
			a.VMOVUPS(t, out.at(q, apart/2*i))
		}
	}
	a.ADDQ(a.times(ld, uint64(4*tokens)), dst)
	a.ADDQ(a.times(stride, uint64(tokens)), sums)
	a.DECQ(a.mem("groups"))
	a.JNZ(LabelRef("group"))
	a.ret()
}
