package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

// transpose takes 8 rows by 8 columns at a time: of four columns, rows i and i+4
// share a register, so that no lane crosses from half to half.
func (a *asm) transpose() {
	a.fn("transpose", "func(dst, src *float32, rows, cols int)",
		"dst [cols][rows] is src [rows][cols] by columns; rows and cols are positive multiples of 8.")
	dst, src, rows, cols := a.mem("dst"), a.mem("src"), a.arg("rows"), a.arg("cols")
	triple, outTriple, below := a.times(cols, 3), a.times(rows, 3), a.copyOf(rows)
	a.Label("rows")
	from := a.table(a.loaded(src), cols, 4, 8, triple)
	to := a.table(a.loaded(dst), rows, 4, 8, outTriple)
	left, step := a.copyOf(cols), a.times(rows, 8*4)
	a.Label("columns")
	for half := range 2 {
		v := a.vecs(4)
		for i := range v {
			a.VMOVUPS(from.at(i, 16*half), v[i].AsX())
			a.VINSERTF128(Imm(1), from.at(i+4, 16*half), v[i], v[i])
		}
		v = a.unpack(v, 1, a.VUNPCKLPS, a.VUNPCKHPS)
		v = a.unpack(v, 2, a.VUNPCKLPD, a.VUNPCKHPD)
		for i := range v {
			a.VMOVUPS(v[i], to.at(4*half+i, 0))
		}
	}
	a.advance(from, 32)
	for _, b := range to.bases {
		a.ADDQ(step, b)
	}
	a.SUBQ(Imm(8), left)
	a.JNZ(LabelRef("columns"))
	a.ADDQ(a.times(cols, 8*4), src)
	a.ADDQ(Imm(32), dst)
	a.SUBQ(Imm(8), below)
	a.JNZ(LabelRef("rows"))
	a.ret()
}
