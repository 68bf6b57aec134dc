package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmaxKernels fold logits into running softmaxes, a row at a time.
func softmaxKernels(a *asm) {
	e := a.expConstants()
	negInf, lowest := a.bounds()
	s := &softmax{asm: a, e: e, negInf: negInf, lowest: lowest}
	a.fn("softmax", "func(s *float32, ld, n int, most, sum, factor *float32, rows int)", "n is positive.")
	x, ld, n := a.arg("s"), a.arg("ld"), a.arg("n")
	most, sum, factor, rows := a.arg("most"), a.arg("sum"), a.arg("factor"), a.arg("rows")
	s.tail(n)

	a.Label("row")
	m := s.largest(x)
	old, f := a.XMM(), a.vec()
	a.VMOVSS(Mem{Base: most}, old)
	a.VMAXSS(old, m.AsX(), m.AsX())
	a.VMOVSS(m.AsX(), Mem{Base: most})
	a.VMAXSS(s.lowest, m.AsX(), m.AsX())
	a.VMOVSS(e.one, f.AsX())
	a.VUCOMISS(m.AsX(), old)
	a.JE(LabelRef("same"))
	a.VSUBSS(m.AsX(), old, f.AsX())
	a.exp(e, f)
	a.Label("same")
	a.VMOVSS(f.AsX(), Mem{Base: factor})
	a.VBROADCASTSS(m.AsX(), m)
	t := s.exponentials(x, m)
	a.VFMADD231SS(Mem{Base: sum}, f.AsX(), t)
	a.VMOVSS(t, Mem{Base: sum})
	a.LEAQ(Mem{Base: x, Index: ld, Scale: 4}, x)
	for _, p := range []reg.Register{most, sum, factor} {
		a.ADDQ(Imm(4), p)
	}
	a.DECQ(rows)
	a.JNZ(LabelRef("row"))
	a.ret()
}

// bounds are what the largest logit is at least, and what it counts as at least,
// so that -Inf less it is -Inf.
func (a *asm) bounds() (negInf, lowest Mem) {
	return a.constant("negInf", 0xff800000), a.constant("lowest", math.Float32bits(-math.MaxFloat32))
}

type softmax struct {
	*asm
	e              *expTable
	negInf, lowest Mem
	whole          reg.Register   // whole vectors of a row
	left           reg.Register   // values after them
	mask           reg.VecVirtual // of those values: a vector in AVX2
	kmask          reg.OpmaskVirtual
}

// tail splits the n values of a row in whole vectors and the rest.
func (s *softmax) tail(n reg.Register) {
	s.whole, s.left = s.copyOf(n), n
	s.ANDQ(imm(s.lanes-1), s.left)
	if s.lanes == 16 {
		s.SHRQ(Imm(4), s.whole)
		bits := s.GP64()
		s.MOVQ(s.left, reg.RCX)
		s.MOVQ(U32(1), bits)
		s.SHLQ(reg.CL, bits)
		s.DECQ(bits)
		s.kmask = s.K()
		s.KMOVW(bits.As32(), s.kmask)
		return
	}
	s.SHRQ(Imm(3), s.whole)
	s.mask = s.window(s.e, s.copyOf(s.left))
}

// each runs step over the vectors of the row at x. The last may be a part: its
// other lanes hold what load put there, and only its lanes are stored.
func (s *softmax) each(name string, x reg.Register, pad reg.VecVirtual, step func(v reg.VecVirtual, part bool, at Mem)) {
	p, i := s.copyOf(x), s.copyOf(s.whole)
	s.TESTQ(i, i)
	s.JZ(LabelRef(name + "Part"))
	s.Label(name)
	v := s.vec()
	s.VMOVUPS(Mem{Base: p}, v)
	step(v, false, Mem{Base: p})
	s.ADDQ(imm(4*s.lanes), p)
	s.DECQ(i)
	s.JNZ(LabelRef(name))
	s.Label(name + "Part")
	s.TESTQ(s.left, s.left)
	s.JZ(LabelRef(name + "Done"))
	if s.lanes == 16 {
		s.VMOVAPS(pad, v)
		s.VMOVUPS(Mem{Base: p}, s.kmask, v)
	} else {
		s.VMASKMOVPS(Mem{Base: p}, s.mask, v)
		s.VBLENDVPS(s.mask, v, pad, v)
	}
	step(v, true, Mem{Base: p})
	s.Label(name + "Done")
}

// largest returns the largest value of a row in the lowest lane; it passes over
// NaN.
func (s *softmax) largest(x reg.Register) reg.VecVirtual {
	m, pad := s.vec(), s.vec()
	s.VBROADCASTSS(s.negInf, m)
	s.VMOVAPS(m, pad)
	s.each("max", x, pad, func(v reg.VecVirtual, _ bool, _ Mem) {
		s.VMAXPS(m, v, m) // of NaN and m, it is m
	})
	s.maxLanes(m)
	return m
}

// exponentials replaces the values of a row by exp(value−m) and returns their sum.
func (s *softmax) exponentials(x reg.Register, m reg.VecVirtual) reg.VecVirtual {
	sum, pad := s.vec(), s.vec()
	s.zero(sum)
	s.VBROADCASTSS(s.negInf, pad)
	s.each("exp", x, pad, func(v reg.VecVirtual, part bool, at Mem) {
		s.VSUBPS(m, v, v)
		s.exp(s.e, v)
		s.VADDPS(v, sum, sum)
		switch {
		case !part:
			s.VMOVUPS(v, at)
		case s.lanes == 16:
			s.VMOVUPS(v, s.kmask, at)
		default:
			s.VMASKMOVPS(v, s.mask, at)
		}
	})
	if s.lanes == 8 {
		return s.sumLanes(sum)
	}
	return s.sumWide(sum)
}

// maxLanes leaves the largest lane of m in the lowest.
func (a *asm) maxLanes(m reg.VecVirtual) {
	h, t := a.XMM(), a.XMM()
	y := a.YMM()
	if a.wide() {
		a.VEXTRACTF64X4(Imm(1), m, y)
		a.VMAXPS(y, m.AsY(), y)
	} else {
		a.VMOVAPS(m, y)
	}
	a.VEXTRACTF128(Imm(1), y, h)
	a.VMAXPS(h, y.AsX(), h)
	a.VMOVHLPS(h, h, t)
	a.VMAXPS(h, t, h)
	a.VMOVSHDUP(h, t)
	a.VMAXSS(h, t, m.AsX())
}

// sumWide adds the lanes of a register of AVX-512.
func (a *asm) sumWide(v reg.VecVirtual) reg.VecVirtual {
	half := a.YMM()
	a.VEXTRACTF64X4(Imm(1), v, half)
	a.VADDPS(half, v.AsY(), half)
	return a.sumLanes(half)
}
