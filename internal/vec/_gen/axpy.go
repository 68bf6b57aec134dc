package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// axpyKernels hold a strip of some rows of dst in registers while they pass
// over all rows of w.
func axpyKernels(a *asm) {
	for _, f := range formats {
		a.axpy(f, 1, 8, 4, 1)
		a.axpy(f, 2, 4, 1)
		a.axpy(f, 3, 4, 1)
		if a.lanes == 16 {
			a.axpy(f, 6, 4, 1)
		}
	}
}

func (a *asm) axpy(f format, tokens int, widths ...int) {
	a.fn(fmt.Sprintf("axpy%sx%d", f.name, tokens),
		"func(dst *float32, cols int, p *float32, ld int, w *byte, stride, rows int, next *byte)",
		fmt.Sprintf("dst[q*cols+d] += Σ p[q*ld+j] × row j[d], q < %d; cols is a multiple of %d.", tokens, a.lanes))
	dst, cols, p, ld, w, stride, rows, next := a.arg("dst"), a.arg("cols"), a.arg("p"), a.arg("ld"), a.arg("w"), a.arg("stride"), a.arg("rows"), a.arg("next")
	var scales reg.Register // the first row's header
	if f.header > 0 {
		scales = a.copyOf(w)
	}
	left := a.copyOf(cols)
	for _, width := range widths {
		strip, end := fmt.Sprintf("strip%d", width), fmt.Sprintf("end%d", width)
		a.Label(strip)
		a.CMPQ(left, imm(width*a.lanes))
		a.JL(LabelRef(end))
		a.strip(f, tokens, width, dst, cols, p, ld, w, scales, stride, rows, next)
		a.ADDQ(imm(4*a.lanes*width), dst)
		a.ADDQ(imm(f.size*a.lanes*width), w)
		a.SUBQ(imm(width*a.lanes), left)
		a.JMP(LabelRef(strip))
		a.Label(end)
	}
	a.ret()
}

func (a *asm) strip(f format, tokens, width int, dst, cols, p, ld, w, scales, stride, rows, next reg.Register) {
	out := a.table(dst, cols, 4, tokens, nil)
	acc := make([][]reg.VecVirtual, tokens)
	for t := range acc {
		acc[t] = a.vecs(width)
		for k, v := range acc[t] {
			a.VMOVUPS(out.at(t, 4*a.lanes*k), v)
		}
	}
	in := a.table(p, ld, 4, tokens, nil)
	row, j := a.copyOf(w), a.copyOf(rows)
	var header reg.Register
	if f.header > 0 {
		header = a.copyOf(scales)
	}
	loop := fmt.Sprintf("row%d", width)
	a.Label(loop)
	coef := a.vecs(tokens)
	v := a.vec()
	if f.header > 0 {
		a.VBROADCASTSS(Mem{Base: header}, v)
		a.ADDQ(stride, header)
	}
	for t, c := range coef {
		a.VBROADCASTSS(in.at(t, 0), c)
		if f.header > 0 {
			a.VMULPS(v, c, c)
		}
	}
	a.addRow(f, row, coef, v, acc)
	a.ADDQ(stride, row)
	if width > 1 {
		a.prefetch(a.PREFETCHT0, next, f.size*a.lanes*width)
	}
	a.advance(in, 4)
	a.DECQ(j)
	a.JNZ(LabelRef(loop))
	a.storeRows(acc, dst, cols)
}

// addRow adds a row to sums, times a coefficient of each; v is overwritten.
func (a *asm) addRow(f format, row reg.Register, coef []reg.VecVirtual, v reg.VecVirtual, sums [][]reg.VecVirtual) {
	for k := range sums[0] {
		a.convert(f, Mem{Base: row, Disp: f.header + f.size*a.lanes*k}, v)
		for t := range sums {
			a.VFMADD231PS(v, coef[t], sums[t][k])
		}
	}
}

// storeRows writes sums to rows that begin cols values apart.
func (a *asm) storeRows(sums [][]reg.VecVirtual, dst, cols reg.Register) {
	out := a.table(dst, cols, 4, len(sums), nil)
	for t := range sums {
		for k, v := range sums[t] {
			a.VMOVUPS(v, out.at(t, 4*a.lanes*k))
		}
	}
}
