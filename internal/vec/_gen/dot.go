package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotKernels multiply 1, 2, ... vectors with any number of rows. Each output has
// one accumulator, whatever the tile it is computed in.
func dotKernels(a *asm) {
	for _, f := range formats {
		a.dot(f, 1, 8)
		a.dot(f, 2, 4)
		a.dot(f, 3, 4)
		if a.lanes == 16 {
			a.dot(f, 6, 4)
		}
	}
}

func (a *asm) dot(f format, tokens, rows int) {
	a.fn(fmt.Sprintf("dot%sx%d", f.name, tokens),
		"func(dst *float32, ld int, x *float32, cols int, w *byte, stride, rows int, next *byte)",
		fmt.Sprintf("dst[q*ld+j] = x[q]·row j, q < %d; cols is a multiple of %d.", tokens, a.lanes))
	d := &dotter{asm: a, f: f, dst: a.arg("dst"), ld: a.arg("ld"), x: a.arg("x"), cols: a.arg("cols"),
		w: a.arg("w"), stride: a.arg("stride"), next: a.arg("next")}
	d.triple = a.times(d.stride, 3)
	left := a.arg("rows")
	for _, r := range []int{rows, 1} {
		loop, end := fmt.Sprintf("rows%d", r), fmt.Sprintf("end%d", r)
		a.Label(loop)
		a.CMPQ(left, imm(r))
		a.JL(LabelRef(end))
		d.tile(tokens, r)
		a.ADDQ(imm(4*r), d.dst)
		for range r / 4 {
			a.LEAQ(Mem{Base: d.w, Index: d.stride, Scale: 4}, d.w)
		}
		if r == 1 {
			a.ADDQ(d.stride, d.w)
		}
		a.SUBQ(imm(r), left)
		a.JMP(LabelRef(loop))
		a.Label(end)
	}
	a.ret()
}

type dotter struct {
	*asm
	f                                         format
	dst, ld, x, cols, w, stride, triple, next reg.Register
}

func (d *dotter) tile(tokens, rows int) {
	acc := make([][]reg.VecVirtual, tokens)
	for t := range acc {
		acc[t] = d.vecs(rows)
		d.zero(acc[t]...)
	}
	w := d.table(d.w, d.stride, 1, rows, d.triple)
	from := func(r, u int) Mem { return w.at(r, d.f.header+d.f.size*d.lanes*u) }
	x := d.table(d.x, d.cols, 4, tokens, nil)
	left := d.copyOf(d.cols)
	alone := tokens == 1 && rows == 8 // as when a weight is read for one token: bound by memory
	ahead := d.next
	if alone {
		ahead = d.GP64()
		d.LEAQ(Mem{Base: d.w, Index: d.stride, Scale: 8}, ahead)
	}
	one, last, done := fmt.Sprintf("cols%d", rows), fmt.Sprintf("last%d", rows), fmt.Sprintf("sum%d", rows)

	d.SUBQ(imm(2*d.lanes), left)
	d.JL(LabelRef(last))
	d.Label(one)
	switch {
	case tokens == 6:
		d.prefetch(d.PREFETCHT0, ahead, 64) // as little as the next tile's vectors are beside many rows
	case rows > 1:
		d.prefetch(d.PREFETCHT0, ahead, rows*2*d.lanes*d.f.size)
	}
	d.step(acc, x, from, 0)
	d.step(acc, x, from, 1)
	d.advance(x, 8*d.lanes)
	d.advance(w, 2*d.lanes*d.f.size)
	d.SUBQ(imm(2*d.lanes), left)
	d.JGE(LabelRef(one))
	d.Label(last)
	d.ADDQ(imm(2*d.lanes), left)
	d.JZ(LabelRef(done))
	d.step(acc, x, from, 0)
	d.Label(done)
	d.store(acc, rows)
}

// step adds the products of the u-th vector of columns, which w finds in row r.
func (d *dotter) step(acc [][]reg.VecVirtual, x *table, w func(r, u int) Mem, u int) {
	xs := d.vecs(len(acc))
	for t := range xs {
		d.VMOVUPS(x.at(t, 4*d.lanes*u), xs[t])
	}
	v := d.vec()
	for r := range acc[0] {
		d.convert(d.f, w(r, u), v)
		for t := range acc {
			d.VFMADD231PS(v, xs[t], acc[t][r])
		}
	}
}

// store sums the lanes of four accumulators at a time, or of one.
func (d *dotter) store(acc [][]reg.VecVirtual, rows int) {
	out := d.table(d.dst, d.ld, 4, len(acc), nil)
	var w *table // of the scales
	if d.f.header > 0 {
		w = d.table(d.w, d.stride, 1, rows, d.triple)
	}
	for r := 0; r < rows; r += 4 {
		scale := d.XMM()
		if d.f.header > 0 {
			d.VMOVSS(w.at(r, 0), scale)
			for i := 1; i < min(4, rows); i++ {
				d.VINSERTPS(Imm(uint64(i<<4)), w.at(r+i, 0), scale, scale)
			}
		}
		for t := range acc {
			var sum reg.VecVirtual
			if rows == 1 {
				sum = d.sum(acc[t][0], acc[t][0], acc[t][0], acc[t][0])
			} else {
				sum = d.sum(acc[t][r], acc[t][r+1], acc[t][r+2], acc[t][r+3])
			}
			if d.f.header > 0 {
				d.VMULPS(scale, sum, sum)
			}
			if rows == 1 {
				d.VMOVSS(sum, out.at(t, 0))
			} else {
				d.VMOVUPS(sum, out.at(t, 4*r))
			}
		}
	}
}

// sum returns an XMM register with the sums of the lanes of four vectors.
func (d *dotter) sum(v ...reg.VecVirtual) reg.VecVirtual {
	a := d.hadd(d.hadd(v[0], v[1]), d.hadd(v[2], v[3]))
	s, t := d.XMM(), d.XMM()
	if d.lanes == 16 {
		h := d.YMM()
		d.VEXTRACTF64X4(Imm(1), a, h)
		d.VADDPS(h, a.AsY(), h)
		d.VEXTRACTF32X4(Imm(1), h, t)
		d.VADDPS(t, h.AsX(), s)
		return s
	}
	d.VEXTRACTF128(Imm(1), a, t)
	d.VADDPS(t, a.AsX(), s)
	return s
}

// hadd adds neighbours in each 128 bits, those of x before those of y.
func (d *dotter) hadd(x, y reg.VecVirtual) reg.VecVirtual {
	s := d.vec()
	if d.lanes == 8 {
		d.VHADDPS(y, x, s)
		return s
	}
	t := d.vec() // AVX-512 has no VHADDPS
	d.VSHUFPS(Imm(0x88), y, x, s)
	d.VSHUFPS(Imm(0xdd), y, x, t)
	d.VADDPS(t, s, s)
	return s
}
