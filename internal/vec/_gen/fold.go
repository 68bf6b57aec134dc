package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// foldKernels write the attention of a few queries to a block: of keys by
// columns, and of values. Logits stay in registers until they are weights, and
// what is between the keys and the values is short enough for the processor to
// look past it: it reads on from memory meanwhile.
func foldKernels(a *asm) {
	e := a.expConstants()
	negInf, lowest := a.bounds()
	for _, f := range formats {
		if f.name == "F16" || f.name == "BF16" {
			for n := range 3 {
				d := &fold{asm: a, e: e, f: f, negInf: negInf, lowest: lowest, sums: make([][]reg.VecVirtual, n+1)}
				d.kernel()
			}
		}
	}
}

type fold struct {
	*asm
	e              *expTable
	negInf, lowest Mem
	f              format
	sums           [][]reg.VecVirtual // of each query: logits, then a strip of its output

	w, stride, j reg.Register // rows and their number
	coefs        *table       // what they are multiplied by
	ahead        reg.Register // what is read after them
}

const foldWidth = 4 // registers of a block's rows, and of a strip of channels

// kernel's row loop multiplies keys and then values: the processor foresees the
// strides of an instruction, so that both must be read by the same.
func (d *fold) kernel() {
	rows, n := foldWidth*d.lanes, len(d.sums)
	d.fn(fmt.Sprintf("fold%sx%d", d.f.name, n),
		"func(acc *float32, dim int, q *float32, k, v *byte, s, most, sum *float32, next *byte)",
		fmt.Sprintf("q and acc are [%d][dim], k [dim][%d], v [%[2]d][dim], s [%[1]d][%[2]d]; dim is a multiple of %[2]d.", n, rows))
	dim, acc, left, ld := d.arg("dim"), d.arg("acc"), d.GP64(), d.GP64()
	for t := range d.sums {
		d.sums[t] = d.vecs(foldWidth)
		d.zero(d.sums[t]...)
	}
	d.XORQ(left, left)
	d.MOVQ(dim, ld)
	d.w, d.j, d.stride, d.ahead = d.arg("k"), d.copyOf(dim), d.GP64(), d.arg("v")
	d.MOVQ(U32(uint32(rows*d.f.size)), d.stride)
	d.coefs = d.table(d.arg("q"), ld, 4, n, nil)
	d.pages("keys", dim)

	d.Label("row")
	d.add()
	d.DECQ(d.j)
	d.JNZ(LabelRef("row"))
	factors := d.vecs(n)
	d.TESTQ(left, left)
	d.JNZ(LabelRef("store"))

	d.weights(factors)
	d.MOVQ(dim, left)
	d.MOVQ(U32(uint32(rows)), ld)
	d.MOVQ(dim, d.stride)
	d.SHLQ(Imm(1), d.stride)
	d.MOVQ(d.mem("next"), d.ahead)
	d.pages("values", dim)
	d.JMP(LabelRef("strip"))

	d.Label("store")
	d.storeRows(d.sums, acc, dim)
	d.ADDQ(imm(4*rows), acc)
	d.SUBQ(imm(rows), left)
	d.JZ(LabelRef("done"))
	d.Label("strip")
	out := d.table(acc, dim, 4, n, nil)
	for t, sums := range d.sums {
		for k, x := range sums {
			d.VMULPS(out.at(t, 4*d.lanes*k), factors[t], x)
		}
	}
	d.MOVQ(d.mem("s"), d.coefs.bases[0])
	d.MOVQ(dim, d.w)
	d.SUBQ(left, d.w)
	d.SHLQ(Imm(1), d.w)
	d.ADDQ(d.mem("v"), d.w)
	d.MOVQ(U32(uint32(rows)), d.j)
	d.JMP(LabelRef("row"))
	d.Label("done")
	d.ret()
}

// add adds multiples of a row to the sums, and asks for as much of what is next.
// What a block holds is used once, so that it need not be in the second-level
// cache.
func (d *fold) add() {
	c, v := d.vecs(len(d.sums)), d.vec()
	for t := range c {
		d.VBROADCASTSS(d.coefs.at(t, 0), c[t])
	}
	d.addRow(d.f, d.w, c, v, d.sums)
	d.prefetch(d.PREFETCHNTA, d.ahead, d.f.size*d.lanes*foldWidth)
	d.ADDQ(d.stride, d.w)
	d.advance(d.coefs, 4)
}

// pages asks for the first line of each page of the next keys or values: the
// processor foresees reads within a page, but not those of another.
func (d *fold) pages(name string, dim reg.Register) {
	at, left := d.copyOf(d.ahead), d.times(dim, uint64(foldWidth*d.lanes*d.f.size))
	d.Label(name)
	d.PREFETCHT0(Mem{Base: at})
	d.ADDQ(imm(4096), at)
	d.SUBQ(imm(4096), left)
	d.JG(LabelRef(name))
}

// weights makes weights of the logits, in s, and sets factors to what earlier
// sums are worth now. It does to each what the kernel softmax does.
func (d *fold) weights(factors []reg.VecVirtual) {
	most, sum, s := d.arg("most"), d.arg("sum"), d.arg("s")
	for t, logits := range d.sums {
		m, f, total := d.vec(), factors[t], d.vec()
		d.VBROADCASTSS(d.negInf, m)
		for _, v := range logits {
			d.VMAXPS(m, v, m) // of NaN and m, it is m
		}
		d.maxLanes(m)
		d.VMOVSS(Mem{Base: most, Disp: 4 * t}, f.AsX())
		d.VMAXSS(f.AsX(), m.AsX(), m.AsX())
		d.VMOVSS(m.AsX(), Mem{Base: most, Disp: 4 * t})
		d.VMAXSS(d.lowest, m.AsX(), m.AsX())
		d.VSUBSS(m.AsX(), f.AsX(), f.AsX())
		d.exp(d.e, f)
		d.VBROADCASTSS(m.AsX(), m)
		d.zero(total)
		for k, v := range logits {
			d.VSUBPS(m, v, v)
			d.exp(d.e, v)
			d.VMOVUPS(v, Mem{Base: s, Disp: 4 * d.lanes * (foldWidth*t + k)})
			d.VADDPS(v, total, total)
		}
		one := d.sumWide(total)
		d.VFMADD231SS(Mem{Base: sum, Disp: 4 * t}, f.AsX(), one)
		d.VMOVSS(one, Mem{Base: sum, Disp: 4 * t})
		d.VBROADCASTSS(f.AsX(), f)
	}
}
