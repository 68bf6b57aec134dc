package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func mathKernels(a *asm) {
	a.maximum()
	a.sum("sumSquares", func(v, s reg.VecVirtual) { a.VFMADD231PS(v, v, s) })
	abs := a.constant("abs", 1<<31-1)
	a.sum("sumAbs", func(v, s reg.VecVirtual) {
		a.VANDPS(abs, v, v)
		a.VADDPS(v, s, s)
	})
	a.scale()
	a.binary("add", func(m Mem, v reg.VecVirtual) { a.VADDPS(m, v, v) })
	a.binary("mul", func(m Mem, v reg.VecVirtual) { a.VMULPS(m, v, v) })
	a.scaleMul()
	a.mix()
	a.rotateHalves()
	a.rotatePairs()
	a.transpose()
	e := a.expConstants()
	a.expSum(e)
	a.siluMul(e)
}

func (a *asm) maximum() {
	a.fn("max", "func(x *float32, n int) float32", "n is a positive multiple of 8.")
	x, n := a.arg("x"), a.arg("n")
	m := a.YMM()
	a.VBROADCASTSS(a.constant("negInf", 0xff800000), m)
	a.Label("loop")
	v := a.YMM()
	a.VMOVUPS(Mem{Base: x}, v)
	a.VMAXPS(m, v, m) // of NaN and m, it is m
	a.ADDQ(Imm(32), x)
	a.SUBQ(Imm(8), n)
	a.JNZ(LabelRef("loop"))
	h, t := a.XMM(), a.XMM()
	a.VEXTRACTF128(Imm(1), m, h)
	a.VMAXPS(h, m.AsX(), h)
	a.VMOVHLPS(h, h, t)
	a.VMAXPS(h, t, h)
	a.VMOVSHDUP(h, t)
	a.VMAXSS(h, t, h)
	a.Store(h, a.ReturnIndex(0))
	a.ret()
}

// sum writes a function of n values, of which add adds something to a sum.
func (a *asm) sum(name string, add func(v, s reg.VecVirtual)) {
	a.fn(name, "func(x *float32, n int) float32", "n is a positive multiple of 32.")
	x, n := a.arg("x"), a.arg("n")
	acc := a.vecs(4)
	a.zero(acc...)
	a.Label("loop")
	for i, s := range acc {
		v := a.YMM()
		a.VMOVUPS(Mem{Base: x, Disp: 32 * i}, v)
		add(v, s)
	}
	a.ADDQ(Imm(128), x)
	a.SUBQ(Imm(32), n)
	a.JNZ(LabelRef("loop"))
	a.VADDPS(acc[1], acc[0], acc[0])
	a.VADDPS(acc[3], acc[2], acc[2])
	a.VADDPS(acc[2], acc[0], acc[0])
	a.Store(a.sumLanes(acc[0]), a.ReturnIndex(0))
	a.ret()
}

// sumLanes adds the lanes in the order of the Go function of this name.
func (a *asm) sumLanes(v reg.VecVirtual) reg.VecVirtual {
	h, t := a.XMM(), a.XMM()
	a.VEXTRACTF128(Imm(1), v, h)
	a.VADDPS(h, v.AsX(), h)
	a.VMOVHLPS(h, h, t)
	a.VADDPS(t, h, h)
	a.VMOVSHDUP(h, t)
	a.VADDSS(t, h, h)
	return h
}

func (a *asm) scale() {
	a.fn("scale", "func(x *float32, n int, s float32)", "n is a positive multiple of 8.")
	x, n := a.arg("x"), a.arg("n")
	s := a.YMM()
	a.VBROADCASTSS(a.mem("s"), s)
	a.Label("loop")
	v := a.YMM()
	a.VMULPS(Mem{Base: x}, s, v)
	a.VMOVUPS(v, Mem{Base: x})
	a.ADDQ(Imm(32), x)
	a.SUBQ(Imm(8), n)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

func (a *asm) binary(name string, op func(Mem, reg.VecVirtual)) {
	a.fn(name, "func(dst, x *float32, n int)", "n is a positive multiple of 8.")
	dst, x, n := a.arg("dst"), a.arg("x"), a.arg("n")
	a.Label("loop")
	v := a.YMM()
	a.VMOVUPS(Mem{Base: dst}, v)
	op(Mem{Base: x}, v)
	a.VMOVUPS(v, Mem{Base: dst})
	a.ADDQ(Imm(32), dst)
	a.ADDQ(Imm(32), x)
	a.SUBQ(Imm(8), n)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

func (a *asm) scaleMul() {
	a.fn("scaleMul", "func(dst, x, w *float32, n int, s float32)", "dst = x × s × w; n is a positive multiple of 8.")
	dst, x, w, n := a.arg("dst"), a.arg("x"), a.arg("w"), a.arg("n")
	s := a.YMM()
	a.VBROADCASTSS(a.mem("s"), s)
	a.Label("loop")
	v := a.YMM()
	a.VMULPS(Mem{Base: x}, s, v)
	a.VMULPS(Mem{Base: w}, v, v)
	a.VMOVUPS(v, Mem{Base: dst})
	for _, p := range []reg.Register{dst, x, w} {
		a.ADDQ(Imm(32), p)
	}
	a.SUBQ(Imm(8), n)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

func (a *asm) mix() {
	a.fn("mix", "func(dst, x *float32, n int, a, b float32)", "n is a positive multiple of 8.")
	dst, x, n := a.arg("dst"), a.arg("x"), a.arg("n")
	s, t := a.YMM(), a.YMM()
	a.VBROADCASTSS(a.mem("a"), s)
	a.VBROADCASTSS(a.mem("b"), t)
	a.Label("loop")
	v, u := a.YMM(), a.YMM()
	a.VMULPS(Mem{Base: dst}, s, v)
	a.VMULPS(Mem{Base: x}, t, u)
	a.VADDPS(u, v, v)
	a.VMOVUPS(v, Mem{Base: dst})
	a.ADDQ(Imm(32), dst)
	a.ADDQ(Imm(32), x)
	a.SUBQ(Imm(8), n)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

func (a *asm) rotateHalves() {
	a.fn("rotateHalves", "func(x, cos, sin *float32, half int)", "half is a positive multiple of 8.")
	x, cos, sin, half := a.arg("x"), a.arg("cos"), a.arg("sin"), a.arg("half")
	y := a.GP64()
	a.LEAQ(Mem{Base: x, Index: half, Scale: 4}, y)
	a.Label("loop")
	u, v, c, s, t, r := a.YMM(), a.YMM(), a.YMM(), a.YMM(), a.YMM(), a.YMM()
	a.VMOVUPS(Mem{Base: x}, u)
	a.VMOVUPS(Mem{Base: y}, v)
	a.VMOVUPS(Mem{Base: cos}, c)
	a.VMOVUPS(Mem{Base: sin}, s)
	a.VMULPS(c, u, t)
	a.VMULPS(s, v, r)
	a.VSUBPS(r, t, t)
	a.VMOVUPS(t, Mem{Base: x})
	a.VMULPS(s, u, t)
	a.VMULPS(c, v, r)
	a.VADDPS(r, t, t)
	a.VMOVUPS(t, Mem{Base: y})
	for _, p := range []reg.Register{x, y, cos, sin} {
		a.ADDQ(Imm(32), p)
	}
	a.SUBQ(Imm(8), half)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

func (a *asm) rotatePairs() {
	a.fn("rotatePairs", "func(x, cos, sin *float32, half int)", "half is a positive multiple of 4.")
	x, cos, sin, half := a.arg("x"), a.arg("cos"), a.arg("sin"), a.arg("half")
	a.Label("loop")
	v, c, s := a.YMM(), a.YMM(), a.YMM()
	a.VMOVUPS(Mem{Base: x}, v)
	a.VPMOVZXDQ(Mem{Base: cos}, c)
	a.VPMOVZXDQ(Mem{Base: sin}, s)
	a.VMOVSLDUP(c, c)
	a.VMOVSLDUP(s, s)
	a.VMULPS(c, v, c)
	a.VPERMILPS(Imm(0xb1), v, v)
	a.VMULPS(s, v, s)
	a.VADDSUBPS(s, c, c)
	a.VMOVUPS(c, Mem{Base: x})
	a.ADDQ(Imm(32), x)
	a.ADDQ(Imm(16), cos)
	a.ADDQ(Imm(16), sin)
	a.SUBQ(Imm(4), half)
	a.JNZ(LabelRef("loop"))
	a.ret()
}

// The constants of exp, see math_go.go.
const (
	expLo = -104
	expHi = 89
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
)

// expPoly is the polynomial, the highest power first.
var expPoly = []float64{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}

// expTable is the constants in memory.
type expTable struct {
	lo, hi, log2e, ln2Hi, ln2Lo, one, bias, tail, sign Mem
	poly                                               []Mem // the highest power first
}

func (a *asm) expConstants() *expTable {
	f := func(name string, v float64) Mem { return a.constant(name, math.Float32bits(float32(v))) }
	e := &expTable{
		lo: f("expLo", expLo), hi: f("expHi", expHi),
		log2e: f("log2e", math.Log2E), ln2Hi: f("ln2Hi", ln2Hi), ln2Lo: f("ln2Lo", ln2Lo),
		one: f("one", 1), bias: a.constant("bias", 127), sign: a.constant("sign", 1<<31),
	}
	for i, c := range expPoly {
		e.poly = append(e.poly, f(fmt.Sprint("exp", 7-i), c))
	}
	e.tail = a.StaticGlobal("tail") // a window of it masks the first lanes
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		a.AppendDatum(U32(map[bool]uint32{true: 0xffffffff}[i < 8]))
	}
	return e
}

// exp replaces v by e^v.
func (a *asm) exp(e *expTable, v reg.VecVirtual) {
	n, y, k := a.vec(), a.vec(), a.vec()
	// The second operand is the result where one is NaN.
	a.VBROADCASTSS(e.lo, n)
	a.VMAXPS(v, n, v)
	a.VBROADCASTSS(e.hi, n)
	a.VMINPS(v, n, v)
	a.VMULPS(e.log2e, v, n)
	if a.lanes == 16 {
		a.VRNDSCALEPS(Imm(0), n, n)
	} else {
		a.VROUNDPS(Imm(0), n, n)
	}
	a.VFNMADD231PS(e.ln2Hi, n, v)
	a.VFNMADD231PS(e.ln2Lo, n, v)
	a.VMOVUPS(e.poly[0], y)
	for _, c := range e.poly[1:] {
		a.VFMADD213PS(c, v, y)
	}
	a.VMULPS(v, v, k)
	a.VFMADD213PS(v, k, y)
	a.VADDPS(e.one, y, y)
	if a.lanes == 16 {
		a.VSCALEFPS(n, y, v)
		return
	}
	h := a.vec()
	a.VCVTPS2DQ(n, k)
	a.VPSRAD(Imm(1), k, h)
	a.VPSUBD(h, k, k)
	for _, p := range []reg.VecVirtual{h, k} {
		a.VPADDD(e.bias, p, p)
		a.VPSLLD(Imm(23), p, p)
	}
	a.VMULPS(h, y, y)
	a.VMULPS(k, y, v)
}

// window loads the mask of the first n < 8 lanes.
func (a *asm) window(e *expTable, n reg.Register) reg.VecVirtual {
	p, m := a.GP64(), a.YMM()
	a.LEAQ(e.tail, p)
	a.SHLQ(Imm(2), n)
	a.SUBQ(n, p)
	a.VMOVUPS(Mem{Base: p, Disp: 32}, m)
	return m
}

func (a *asm) expSum(e *expTable) {
	a.fn("expSum", "func(x *float32, n int, max float32) float32", "Lane i of the sum is of the x whose index is i modulo 8.")
	x, n := a.arg("x"), a.arg("n")
	m, sum := a.YMM(), a.YMM()
	a.VBROADCASTSS(a.mem("max"), m)
	a.zero(sum)
	a.SUBQ(Imm(8), n)
	a.JL(LabelRef("tail"))
	a.Label("loop")
	v := a.YMM()
	a.VMOVUPS(Mem{Base: x}, v)
	a.VSUBPS(m, v, v)
	a.exp(e, v)
	a.VMOVUPS(v, Mem{Base: x})
	a.VADDPS(v, sum, sum)
	a.ADDQ(Imm(32), x)
	a.SUBQ(Imm(8), n)
	a.JGE(LabelRef("loop"))
	a.Label("tail")
	a.ADDQ(Imm(8), n)
	a.JZ(LabelRef("done"))
	mask := a.window(e, n)
	a.VMASKMOVPS(Mem{Base: x}, mask, v)
	a.VSUBPS(m, v, v)
	a.exp(e, v)
	a.VANDPS(mask, v, v)
	a.VMASKMOVPS(v, mask, Mem{Base: x})
	a.VADDPS(v, sum, sum)
	a.Label("done")
	a.Store(a.sumLanes(sum), a.ReturnIndex(0))
	a.ret()
}

func (a *asm) siluMul(e *expTable) {
	a.fn("siluMul", "func(gate, up *float32, n int)", "gate = gate / (1 + exp(-gate)) × up")
	gate, up, n := a.arg("gate"), a.arg("up"), a.arg("n")
	g, u := a.YMM(), a.YMM()
	silu := func() {
		v := a.YMM()
		a.VXORPS(e.sign, g, v)
		a.exp(e, v)
		a.VADDPS(e.one, v, v)
		a.VDIVPS(v, g, g)
		a.VMULPS(u, g, g)
	}
	a.SUBQ(Imm(8), n)
	a.JL(LabelRef("tail"))
	a.Label("loop")
	a.VMOVUPS(Mem{Base: gate}, g)
	a.VMOVUPS(Mem{Base: up}, u)
	silu()
	a.VMOVUPS(g, Mem{Base: gate})
	a.ADDQ(Imm(32), gate)
	a.ADDQ(Imm(32), up)
	a.SUBQ(Imm(8), n)
	a.JGE(LabelRef("loop"))
	a.Label("tail")
	a.ADDQ(Imm(8), n)
	a.JZ(LabelRef("done"))
	mask := a.window(e, n)
	a.VMASKMOVPS(Mem{Base: gate}, mask, g)
	a.VMASKMOVPS(Mem{Base: up}, mask, u)
	silu()
	a.VMASKMOVPS(g, mask, Mem{Base: gate})
	a.Label("done")
	a.ret()
}
