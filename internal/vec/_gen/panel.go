package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panelRows is the number of rows that a panel of floats has side by side.
const panelRows = 4

// panelKernels multiply many vectors with long rows. The rows are packed, so that
// a tile reads one stream, and columns are taken in parts, so that those of a
// tile's vectors stay in the first-level cache. Each output has the accumulator
// that it has in the kernels of dot.go.
func panelKernels(a *asm) {
	a.packFloats("packHalves", 2)
	a.packFloats("packWords", 4)
	for _, f := range formats {
		if f.header == 0 {
			a.dotPanel(f)
		}
	}
}

func (a *asm) packFloats(name string, size int) {
	a.fn(name, "func(panel, w *byte, stride, cols int)",
		fmt.Sprintf("panel [cols/%d][%d][%[1]d] gets cols elements of %[2]d rows.", a.lanes, panelRows))
	panel, w, stride, cols := a.arg("panel"), a.arg("w"), a.arg("stride"), a.arg("cols")
	rows := a.table(w, stride, 1, panelRows, a.times(stride, 3))
	bytes := size * a.lanes
	a.Label("loop")
	for r := range panelRows {
		v := map[int]reg.VecVirtual{16: a.XMM(), 32: a.YMM(), 64: a.ZMM()}[bytes]
		a.VMOVUPS(rows.at(r, 0), v)
		a.VMOVUPS(v, Mem{Base: panel, Disp: bytes * r})
	}
	a.advance(rows, bytes)
	a.ADDQ(imm(panelRows*bytes), panel)
	a.SUBQ(imm(a.lanes), cols)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

func (a *asm) dotPanel(f format) {
	tokens := 3
	if a.wide() {
		tokens = 6
	}
	a.fn("dotPanel"+f.name,
		"func(dst *float32, ld int, x *float32, ldx int, panel *byte, groups, cols int, sums *float32, part int, next *float32)",
		fmt.Sprintf("dst[q*ld+j] = x[q*ldx:]·row j, q < %d, j < %d × groups; panel [groups][cols/%d][%[2]d][%[3]d].", tokens, panelRows, a.lanes),
		fmt.Sprintf("sums [groups][%d][%d][%d] are where accumulators come from if part&1, not 0,", tokens, panelRows, a.lanes),
		"and go to if part&2, not summed up to dst. What begins at next is read soon.")
	d := &dotter{asm: a, f: f, dst: a.arg("dst"), ld: a.arg("ld"), x: a.arg("x"), w: a.arg("panel")}
	ldx, sums, next := a.arg("ldx"), a.arg("sums"), a.arg("next")
	a.Label("group")
	acc := make([][]reg.VecVirtual, tokens)
	for t := range acc {
		acc[t] = a.vecs(panelRows)
		a.zero(acc[t]...)
	}
	a.TESTQ(U32(1), a.mem("part"))
	a.JZ(LabelRef("begun"))
	d.each(acc, sums, func(v reg.VecVirtual, m Mem) { a.VMOVUPS(m, v) })
	a.Label("begun")
	x, left, bytes := a.table(d.x, ldx, 4, tokens, nil), a.arg("cols"), f.size*a.lanes
	a.Label("columns")
	a.PREFETCHT1(Mem{Base: next})
	a.ADDQ(imm(64), next)
	d.step(acc, x, func(r, _ int) Mem { return Mem{Base: d.w, Disp: bytes * r} }, 0)
	a.advance(x, 4*a.lanes)
	a.ADDQ(imm(panelRows*bytes), d.w)
	a.SUBQ(imm(a.lanes), left)
	a.JNZ(LabelRef("columns"))
	a.TESTQ(U32(2), a.mem("part"))
	a.JZ(LabelRef("whole"))
	d.each(acc, sums, func(v reg.VecVirtual, m Mem) { a.VMOVUPS(v, m) })
	a.JMP(LabelRef("next"))
	a.Label("whole")
	d.store(acc, panelRows)
	a.Label("next")
	a.ADDQ(imm(4*panelRows), d.dst)
	a.ADDQ(imm(4*a.lanes*panelRows*tokens), sums)
	a.DECQ(a.mem("groups"))
	a.JNZ(LabelRef("group"))
	a.ret()
}

// each moves accumulators from or to memory.
func (d *dotter) each(acc [][]reg.VecVirtual, sums reg.Register, move func(reg.VecVirtual, Mem)) {
	at := Mem{Base: sums}
	for _, vs := range acc {
		for _, v := range vs {
			move(v, at)
			at.Disp += 4 * d.lanes
		}
	}
}
