package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// foursKernels multiply 16-bit codes with bytes that lie by fours. A sum of the
// high bytes' products is moved up 8 bits, and that of the low ones' added to it.
func foursKernels(a *asm) {
	for _, tokens := range []int{1, 2, 3, 6} {
		a.fours("dotFours", tokens, false)
		a.fours("addFours", tokens, true)
	}
	c := constants16{abs: a.constant("abs", 1<<31-1), half: a.constant("half16", 128), most: a.constant("most16", 0x46fefe00)}
	a.quantize16(c, "quantize16", false)
	a.quantize16(c, "quantize16Scaled", true)
}

// metaSize16 is the size of what belongs to a row of 16-bit codes: scale, offset.
const metaSize16 = 8

type byFours struct {
	*asm
	tokens, width int // of the strip, in vectors
	acc           [][]reg.VecVirtual
	w, stride     reg.Register
	next          reg.Register
}

func (a *asm) fours(name string, tokens int, add bool) {
	scales, doc := ", scales *byte", "dst[q*ld+j] = a[q]·column j × both scales"
	if add {
		scales, doc = "", "dst[q*ld+j] += a[q]·column j × the scale of a[q]"
	}
	a.fn(fmt.Sprintf("%sx%d", name, tokens),
		"func(dst *float32, ld int, high, low *int8, meta *byte, cols int, w *byte, width int, next *byte"+scales+")",
		fmt.Sprintf("%s, q < %d, j < width, a multiple of %d; cols is one of 4.", doc, tokens, a.lanes))
	dst, left := a.arg("dst"), a.arg("width")
	s := reg.Register(nil)
	if !add {
		s = a.arg("scales")
	}
	f := &byFours{asm: a, tokens: tokens, w: a.arg("w"), stride: a.times(left, 4), next: a.arg("next")}
	for _, f.width = range []int{4, 1} {
		strip, end := fmt.Sprintf("strip%d", f.width), fmt.Sprintf("end%d", f.width)
		a.Label(strip)
		a.CMPQ(left, imm(f.width*a.lanes))
		a.JL(LabelRef(end))
		f.sums()
		if add {
			f.add(dst)
		} else {
			f.store(dst, s)
			a.ADDQ(imm(4*a.lanes*f.width), s)
		}
		a.ADDQ(imm(4*a.lanes*f.width), dst)
		a.ADDQ(imm(4*a.lanes*f.width), f.w)
		a.SUBQ(imm(f.width*a.lanes), left)
		a.JMP(LabelRef(strip))
		a.Label(end)
	}
	a.ret()
}

// sums computes the exact sums of a strip.
func (f *byFours) sums() {
	f.acc = make([][]reg.VecVirtual, f.tokens)
	for t := range f.acc {
		f.acc[t] = f.vecs(f.width)
		f.zero(f.acc[t]...)
	}
	f.pass("high", 64*f.width)
	offset, meta := f.vec(), f.arg("meta")
	for t := range f.acc {
		f.VPBROADCASTD(Mem{Base: meta, Disp: metaSize16*t + 4}, offset)
		for _, v := range f.acc[t] {
			f.VPSLLD(Imm(8), v, v)
			f.VPADDD(offset, v, v)
		}
	}
	f.pass("low", 64)
}

// pass adds the products with one byte of each code, and fetches what is next.
func (f *byFours) pass(codes string, ahead int) {
	cols := f.arg("cols")
	x := f.table(f.arg(codes), cols, 1, f.tokens, nil)
	row, left := f.copyOf(f.w), f.copyOf(cols)
	loop := fmt.Sprintf("%s%d", codes, f.width)
	f.Label(loop)
	v, b := f.vecs(f.width), f.vec()
	for k := range v {
		f.VMOVDQU32(Mem{Base: row, Disp: 64 * k}, v[k])
	}
	for t := range f.acc {
		f.VPBROADCASTD(x.at(t, 0), b)
		for k := range v {
			f.VPDPBUSD(b, v[k], f.acc[t][k])
		}
	}
	f.ADDQ(f.stride, row)
	if f.width > 1 {
		f.prefetch(f.PREFETCHT0, f.next, ahead)
	}
	f.advance(x, 4)
	f.SUBQ(Imm(4), left)
	f.JNZ(LabelRef(loop))
}

func (f *byFours) store(dst, scales reg.Register) {
	out, meta := f.table(dst, f.arg("ld"), 4, f.tokens, nil), f.arg("meta")
	for k := range f.width {
		s := f.vec()
		f.VMOVUPS(Mem{Base: scales, Disp: 64 * k}, s)
		for t := range f.acc {
			v := f.acc[t][k]
			f.VCVTDQ2PS(v, v)
			f.VMULPS(s, v, v)
			f.VMULPS_BCST(Mem{Base: meta, Disp: metaSize16 * t}, v, v)
			f.VMOVUPS(v, out.at(t, 64*k))
		}
	}
}

func (f *byFours) add(dst reg.Register) {
	out, meta := f.table(dst, f.arg("ld"), 4, f.tokens, nil), f.arg("meta")
	for t := range f.acc {
		for k, v := range f.acc[t] {
			f.VCVTDQ2PS(v, v)
			f.VMULPS_BCST(Mem{Base: meta, Disp: metaSize16 * t}, v, v)
			f.VADDPS(out.at(t, 64*k), v, v)
			f.VMOVUPS(v, out.at(t, 64*k))
		}
	}
}

// constants16 are what quantize16 needs in memory; most is 32639.
type constants16 struct{ abs, half, most Mem }

// quantize16 writes a function that makes 16-bit codes of rows of float32, which
// may be multiplied by scales of their columns first.
func (a *asm) quantize16(c constants16, name string, scaled bool) {
	arg := ""
	if scaled {
		arg = ", scales *byte"
	}
	a.fn(name, "func(high, low *int8, meta *byte, cols int, x *float32, ld, rows int"+arg+")", "cols is a positive multiple of 16.")
	high, low, meta, x := a.arg("high"), a.arg("low"), a.arg("meta"), a.arg("x")
	cols, ld, rows := a.arg("cols"), a.arg("ld"), a.arg("rows")
	each := func(label string, step func(v reg.VecVirtual)) {
		p, n := a.copyOf(x), a.copyOf(cols)
		var s reg.Register
		if scaled {
			s = a.arg("scales")
		}
		a.Label(label)
		v := a.ZMM()
		a.VMOVUPS(Mem{Base: p}, v)
		if scaled {
			a.VMULPS(Mem{Base: s}, v, v)
			a.ADDQ(Imm(64), s)
		}
		step(v)
		a.ADDQ(Imm(64), p)
		a.SUBQ(Imm(16), n)
		a.JNZ(LabelRef(label))
	}

	a.Label("row")
	m := a.ZMM()
	a.VPXORD(m, m, m)
	each("largest", func(v reg.VecVirtual) {
		a.VPANDD(c.abs, v, v)
		a.VPMAXUD(v, m, m) // of bits: NaN and infinity are largest
	})
	a.lanesOf(m, a.VPMAXUD)
	bits, inverse, scale := a.GP32(), a.ZMM(), a.XMM()
	a.VMOVD(m.AsX(), bits)
	a.VPXORD(inverse, inverse, inverse)
	a.VPXOR(scale, scale, scale)
	a.CMPL(bits, U32(least16))
	a.JB(LabelRef("codes"))
	a.VMULSS(m.AsX(), scale, scale) // NaN or 0
	a.CMPL(bits, U32(0x7f800000))
	a.JAE(LabelRef("invalid"))
	a.VMOVSS(c.most, scale)
	a.VDIVSS(m.AsX(), scale, inverse.AsX())
	a.VDIVSS(scale, m.AsX(), scale)
	a.VBROADCASTSS(inverse.AsX(), inverse)
	a.JMP(LabelRef("codes"))
	a.Label("invalid")
	a.VPXORD(inverse, inverse, inverse)
	a.Label("codes")
	a.VMOVSS(scale, Mem{Base: meta})
	sum, round := a.ZMM(), a.ZMM()
	a.VPXORD(sum, sum, sum)
	a.VMOVDQU32(c.half, round)
	each("code", func(v reg.VecVirtual) {
		a.VMULPS(inverse, v, v)
		a.VCVTPS2DQ(v, v)
		a.VPADDD(v, sum, sum)
		a.VPMOVDB(v, Mem{Base: low})
		a.VPADDD(round, v, v)
		a.VPSRAD(Imm(8), v, v)
		a.VPMOVDB(v, Mem{Base: high})
		a.ADDQ(Imm(16), low)
		a.ADDQ(Imm(16), high)
	})
	a.lanesOf(sum, a.VPADDD)
	offset := a.GP32()
	a.VMOVD(sum.AsX(), offset)
	a.SHLL(Imm(7), offset)
	a.NEGL(offset)
	a.MOVL(offset, Mem{Base: meta, Disp: 4})
	a.ADDQ(Imm(metaSize16), meta)
	a.LEAQ(Mem{Base: x, Index: ld, Scale: 4}, x)
	a.DECQ(rows)
	a.JNZ(LabelRef("row"))
	a.ret()
}

// least16 is the bits of 2^-100.
const least16 = (127 - 100) << 23

// lanesOf brings all 16 dwords of v together in the lowest.
func (a *asm) lanesOf(v reg.VecVirtual, op func(...Op)) {
	h := a.YMM()
	a.VEXTRACTI64X4(Imm(1), v, h)
	op(h, v.AsY(), h)
	t := a.XMM()
	a.VEXTRACTI128(Imm(1), h, t)
	op(t, h.AsX(), v.AsX())
	for _, swap := range []uint64{0x4e, 0xb1} {
		a.VPSHUFD(Imm(swap), v.AsX(), t)
		op(t, v.AsX(), v.AsX())
	}
}
