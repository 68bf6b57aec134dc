package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// code is how small codes stand for levels. The params of a group that come
// with it are a scale, or a scale and a minimum, in single or half precision.
type code struct {
	name      string
	bits      int
	half, min bool
	levels    func(c *codes, at reg.Register) [4]reg.VecVirtual // of 32 codes
}

// codesKernels decode codes, 32 at a time.
func codesKernels(a *asm) {
	c := &codes{asm: a}
	c.nibble, c.pair = a.constant("codeNibble", 0x0f0f0f0f), a.constant("codePair", 0x03030303)
	c.mag, c.sign = a.constant("codeMag", 0x007f007f), a.constant("codeSign", 0x80008000)
	c.nan, c.rebias = a.constant("codeNaN", 0x7e007e00), a.constant("codeRebias", 0x43800000)
	for _, k := range []code{
		{"I8", 8, false, false, (*codes).signed}, {"U8", 8, false, true, (*codes).unsigned},
		{"U4", 4, true, true, (*codes).nibbles}, {"U2", 2, true, true, (*codes).pairs},
		{"E4M3", 8, false, false, (*codes).e4m3}, {"E5M2", 8, false, false, (*codes).e5m2},
	} {
		c.decode(k)
		c.groups(k)
	}
	c.look()
}

type codes struct {
	*asm
	nibble, pair, mag, sign, nan, rebias Mem
}

func (c *codes) look() {
	c.fn("look", "func(dst, src *byte, levels *int8)", "Writes the levels of 32 codes of 4 bits, the low halves first.")
	dst, src, levels := c.arg("dst"), c.arg("src"), c.arg("levels")
	low, high, table := c.XMM(), c.XMM(), c.XMM()
	c.VMOVDQU(Mem{Base: src}, low)
	c.VMOVDQU(Mem{Base: levels}, table)
	c.VPSRLW(Imm(4), low, high)
	for i, v := range []reg.VecVirtual{low, high} {
		c.VPAND(c.nibble, v, v)
		c.VPSHUFB(v, table, v)
		c.VMOVDQU(v, Mem{Base: dst, Disp: 16 * i})
	}
	c.RET() // no wide registers
}

func (c *codes) decode(k code) {
	c.fn("codes"+k.name, "func(dst *float32, src *byte, n int, next *byte)", "n is a positive multiple of 32.")
	dst, src, n, next := c.arg("dst"), c.arg("src"), c.arg("n"), c.arg("next")
	c.Label("loop")
	c.store(k.levels(c, src), dst)
	c.ADDQ(imm(4*k.bits), src)
	c.PREFETCHT0(Mem{Base: next})
	c.ADDQ(imm(4*k.bits), next)
	c.SUBQ(Imm(32), n)
	c.JNZ(LabelRef("loop"))
	c.ret()
}

func (c *codes) groups(k code) {
	c.fn("groups"+k.name, "func(dst *float32, src *byte, groups, width int, next *byte)", "width is a positive multiple of 32.")
	dst, src, groups, next := c.arg("dst"), c.arg("src"), c.arg("groups"), c.arg("next")
	c.Label("group")
	left, scale, minimum := c.arg("width"), c.vec(), c.vec()
	size := 4
	if k.half {
		size = 2
	}
	c.param(k, src, 0, scale)
	if k.min {
		c.param(k, src, size, minimum)
		size *= 2
	}
	c.ADDQ(imm(size), src)
	c.ADDQ(imm(size), next)
	c.Label("loop")
	v := k.levels(c, src)
	for _, v := range v {
		c.VMULPS(scale, v, v)
		if k.min {
			c.VADDPS(minimum, v, v)
		}
	}
	c.store(v, dst)
	c.ADDQ(imm(4*k.bits), src)
	c.PREFETCHT0(Mem{Base: next})
	c.ADDQ(imm(4*k.bits), next)
	c.SUBQ(Imm(32), left)
	c.JNZ(LabelRef("loop"))
	c.DECQ(groups)
	c.JNZ(LabelRef("group"))
	c.ret()
}

func (c *codes) param(k code, src reg.Register, disp int, v reg.VecVirtual) {
	if !k.half {
		c.VBROADCASTSS(Mem{Base: src, Disp: disp}, v)
		return
	}
	c.VPBROADCASTW(Mem{Base: src, Disp: disp}, v.AsX())
	c.VCVTPH2PS(v.AsX(), v)
}

func (c *codes) store(v [4]reg.VecVirtual, dst reg.Register) {
	for i, v := range v {
		c.VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
	}
	c.ADDQ(imm(128), dst)
}

func (c *codes) signed(at reg.Register) (v [4]reg.VecVirtual) {
	for i := range v {
		v[i] = c.vec()
		c.VPMOVSXBD(Mem{Base: at, Disp: 8 * i}, v[i])
		c.VCVTDQ2PS(v[i], v[i])
	}
	return v
}

func (c *codes) unsigned(at reg.Register) (v [4]reg.VecVirtual) {
	for i := range v {
		v[i] = c.vec()
		c.VPMOVZXBD(Mem{Base: at, Disp: 8 * i}, v[i])
		c.VCVTDQ2PS(v[i], v[i])
	}
	return v
}

// bytes turns the 32 bytes of b into levels.
func (c *codes) bytes(b reg.VecVirtual) (v [4]reg.VecVirtual) {
	high, x := c.XMM(), b.AsX()
	c.VEXTRACTI128(Imm(1), b, high)
	for i := range v {
		if i == 2 {
			x = high
		}
		v[i] = c.vec()
		c.VPMOVZXBD(x, v[i])
		c.VCVTDQ2PS(v[i], v[i])
		if i%2 == 0 {
			c.VPSRLDQ(Imm(8), x, x)
		}
	}
	return v
}

func (c *codes) nibbles(at reg.Register) [4]reg.VecVirtual {
	b, h := c.vec(), c.vec()
	c.VPMOVZXBW(Mem{Base: at}, b)
	c.VPSLLW(Imm(4), b, h)
	c.VPOR(h, b, b)
	c.VPAND(c.nibble, b, b)
	return c.bytes(b)
}

func (c *codes) pairs(at reg.Register) [4]reg.VecVirtual {
	d, b, s := c.vec(), c.vec(), c.vec()
	c.VPMOVZXBD(Mem{Base: at}, d)
	c.VMOVAPS(d, b)
	for _, shift := range []uint64{6, 12, 18} {
		c.VPSLLD(Imm(shift), d, s)
		c.VPOR(s, b, b)
	}
	c.VPAND(c.pair, b, b)
	return c.bytes(b)
}

// halves turns 16 values in half precision into levels 2i and 2i+1.
func (c *codes) halves(x reg.VecVirtual, v *[4]reg.VecVirtual, i int) {
	high := c.XMM()
	v[2*i], v[2*i+1] = c.vec(), c.vec()
	c.VCVTPH2PS(x.AsX(), v[2*i])
	c.VEXTRACTI128(Imm(1), x, high)
	c.VCVTPH2PS(high, v[2*i+1])
}

// e5m2 is the upper half of half precision.
func (c *codes) e5m2(at reg.Register) (v [4]reg.VecVirtual) {
	for i := range 2 {
		x := c.vec()
		c.VPMOVZXBW(Mem{Base: at, Disp: 16 * i}, x)
		c.VPSLLW(Imm(8), x, x)
		c.halves(x, &v, i)
	}
	return v
}

// e4m3 has an exponent less, so that half precision takes it for 256 times
// smaller; what has all bits set is NaN.
func (c *codes) e4m3(at reg.Register) (v [4]reg.VecVirtual) {
	for i := range 2 {
		x, sign, nan := c.vec(), c.vec(), c.vec()
		c.VPMOVZXBW(Mem{Base: at, Disp: 16 * i}, x)
		c.VPSLLW(Imm(8), x, sign)
		c.VPAND(c.sign, sign, sign)
		c.VPAND(c.mag, x, x)
		c.VPCMPEQW(c.mag, x, nan)
		c.VPAND(c.nan, nan, nan)
		c.VPSLLW(Imm(7), x, x)
		c.VPOR(sign, x, x)
		c.VPOR(nan, x, x)
		c.halves(x, &v, i)
	}
	for _, v := range v {
		c.VMULPS(c.rebias, v, v)
	}
	return v
}
