package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tileMins writes the kernel that takes off the products of a panel's minimums.
// There is a chain for each lane of gemvQ4_K, whose blocks follow each other in turn.
func (a *asm) tileMins(tokens int) {
	a.fn(fmt.Sprintf("minsx%d", tokens), "func(dst *float32, ld int, sums *float32, stride int, mins *float32, blocks, groups int)",
		fmt.Sprintf("dst[q*ld+j] -= sums[q]·mins[j], q < %d × groups, j < %d. Stride is in bytes.", tokens, 2*a.lanes))
	chains, apart := a.lanes/4, a.apart()
	dst, ld, sums, stride := a.mem("dst"), a.arg("ld"), a.mem("sums"), a.arg("stride")
	a.Label("group")
	total, acc := a.tileVecs(tokens), a.tileVecs(tokens)
	for c := range chains {
		xs := a.table(a.loaded(sums), stride, 1, tokens, nil)
		mins, left := a.arg("mins"), a.arg("blocks")
		into := acc
		if c == 0 {
			into = total
		}
		for _, v := range into {
			a.zero(v[:]...)
		}
		label := fmt.Sprintf("block%d", c)
		a.Label(label)
		w := [2]reg.VecVirtual{a.vec(), a.vec()}
		for i, v := range w {
			a.VMOVUPS(Mem{Base: mins, Disp: c*apart + apart/2*i}, v)
		}
		for q, v := range into {
			x := a.vec()
			a.VBROADCASTSS(xs.at(q, 4*c), x)
			a.VFMADD231PS(x, w[0], v[0])
			a.VFMADD231PS(x, w[1], v[1])
		}
		a.advance(xs, 4*chains)
		a.ADDQ(imm(chains*apart), mins)
		a.SUBQ(imm(chains), left)
		a.JNZ(LabelRef(label))
		if c > 0 {
			for q, v := range acc {
				a.VADDPS(v[0], total[q][0], total[q][0])
				a.VADDPS(v[1], total[q][1], total[q][1])
			}
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
