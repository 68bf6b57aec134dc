package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// apart is the distance in bytes of the scales of a row's neighbouring blocks in
// a panel: those of its rows, of which a register of floats holds half.
func (a *asm) apart() int { return 8 * a.lanes }

// unpackKernels unpack super-blocks of k-quants, of one row, for a panel.
func unpackKernels(a *asm) {
	u := &unpacker{asm: a}
	u.kernel("unpackQ4_K", 144, 8, true, fmt.Sprintf("scales and minimums %d apart", 2*a.lanes), u.q4)
	u.kernel("unpackQ6_K", 210, 8*3, false, fmt.Sprintf("of each block %d apart the two scales and what they are units of", 2*a.lanes), u.q6)
}

type unpacker struct {
	*asm
	codes, scales, mins, w reg.Register
}

// kernel writes a function for super-blocks of size bytes, of which rows of a
// panel's scales come.
func (u *unpacker) kernel(name string, size, rows int, mins bool, layout string, body func()) {
	floats := "scales *float32"
	if mins {
		floats = "scales, mins *float32"
	}
	u.fn(name, "func(codes *byte, "+floats+", w *byte, supers int)",
		"writes the codes as q8_0 stores them, "+layout+".")
	u.codes, u.scales, u.w = u.arg("codes"), u.arg("scales"), u.arg("w")
	if mins {
		u.mins = u.arg("mins")
	}
	supers := u.arg("supers")
	u.Label("loop")
	body()
	u.ADDQ(imm(8*34), u.codes)
	u.ADDQ(imm(rows*u.apart()), u.scales)
	if mins {
		u.ADDQ(imm(8*u.apart()), u.mins)
	}
	u.ADDQ(imm(size), u.w)
	u.DECQ(supers)
	u.JNZ(LabelRef("loop"))
	u.ret()
}

func (u *unpacker) at(disp int) Mem { return Mem{Base: u.w, Disp: disp} }

// store writes the codes of block b.
func (u *unpacker) store(v reg.VecVirtual, b int) {
	u.VMOVDQU(v, Mem{Base: u.codes, Disp: b*34 + 2})
}

// bytes is a register with copies of a byte.
func (u *unpacker) bytes(b uint32) reg.VecVirtual {
	r, x, y := u.GP32(), u.XMM(), u.YMM()
	u.MOVL(U32(b*0x01010101), r)
	u.VMOVD(r, x)
	u.VPBROADCASTD(x, y)
	return y
}

// scatter writes the floats of a YMM register to eight rows of a panel.
func (u *unpacker) scatter(v reg.VecVirtual, to reg.Register) {
	top := u.XMM()
	u.VEXTRACTF128(Imm(1), v, top)
	for half, x := range []reg.Register{v.AsX(), top} {
		for i := range 4 {
			u.VEXTRACTPS(U8(i), x, Mem{Base: to, Disp: (4*half + i) * u.apart()})
		}
	}
}

func (u *unpacker) q4() {
	nibble := u.bytes(15)
	for pair := range 4 {
		low, high := u.YMM(), u.YMM()
		u.VMOVDQU(u.at(16+32*pair), low)
		u.VPSRLW(Imm(4), low, high)
		u.VPAND(nibble, low, low)
		u.VPAND(nibble, high, high)
		u.store(low, 2*pair)
		u.store(high, 2*pair+1)
	}
	d := u.XMM()
	u.VMOVD(u.at(0), d)
	u.VCVTPH2PS(d, d)
	dmin := u.XMM()
	u.VMOVSHDUP(d, dmin)
	u.scatter(u.six(u.at(4), 0, d), u.scales)
	u.scatter(u.six(u.at(8), 4, dmin), u.mins)
}

// six returns d times the eight 6-bit values whose first half is in the 4 bytes
// at first, with two bits of each of the others on top; shift says which half
// of the last 4 bytes has the others' low bits (scaleMin).
func (u *unpacker) six(first Mem, shift uint64, d reg.VecVirtual) reg.VecVirtual {
	lo, hi, rest := u.GP64(), u.GP64(), u.GP64()
	u.MOVL(first, lo.As32())
	u.MOVL(u.at(12), rest.As32())
	u.MOVL(lo.As32(), hi.As32())
	u.ANDL(U32(0x3f3f3f3f), lo.As32())
	u.SHRL(Imm(2), hi.As32())
	u.ANDL(U32(0x30303030), hi.As32())
	if shift > 0 {
		u.SHRL(Imm(shift), rest.As32())
	}
	u.ANDL(U32(0x0f0f0f0f), rest.As32())
	u.ORL(rest.As32(), hi.As32())
	u.SHLQ(Imm(32), hi)
	u.ORQ(hi, lo)
	x, v, by := u.XMM(), u.YMM(), u.YMM()
	u.VMOVQ(lo, x)
	u.VPMOVZXBD(x, v)
	u.VCVTDQ2PS(v, v)
	u.VBROADCASTSS(d, by)
	u.VMULPS(by, v, v)
	return v
}

func (u *unpacker) q6() {
	nibble, two, flip := u.bytes(15), u.bytes(0x30), u.bytes(0x80)
	for half := range 2 {
		high := u.YMM()
		u.VMOVDQU(u.at(128+32*half), high)
		for part := range 4 {
			low, top := u.YMM(), u.YMM()
			u.VMOVDQU(u.at(64*half+part%2*32), low)
			if part >= 2 {
				u.VPSRLW(Imm(4), low, low)
			}
			switch part {
			case 0, 1:
				u.VPSLLW(Imm(uint64(4-2*part)), high, top)
			case 2:
				u.VMOVDQA(high, top)
			case 3:
				u.VPSRLW(Imm(2), high, top)
			}
			u.VPAND(nibble, low, low)
			u.VPAND(two, top, top)
			u.VPOR(top, low, low)
			if u.wide() {
				u.VPXOR(flip, low, low) // the packing adds 128
			}
			u.store(low, 4*half+part)
		}
	}
	bits, d := u.GP32(), u.XMM()
	u.MOVWLZX(u.at(208), bits)
	u.VMOVD(bits, d)
	u.VCVTPH2PS(d, d)
	for g, scale := range u.groupScales() {
		u.VEXTRACTPS(U8(g%4), scale, Mem{Base: u.scales, Disp: (3*(g/2) + g%2) * u.apart()})
	}
	for b := range 8 {
		u.VMOVSS(d, Mem{Base: u.scales, Disp: (3*b + 2) * u.apart()})
	}
}

// groupScales returns for each group of 16 columns of q6_k the quarter that has
// its scale: as a float or, for AVX2, as two words.
func (u *unpacker) groupScales() (quarters []reg.Register) {
	for at := 0; at < 16; at += u.lanes {
		v := u.vec()
		u.VPMOVSXBD(u.at(192+at), v)
		if u.wide() {
			u.VCVTDQ2PS(v, v)
		} else {
			high := u.YMM()
			u.VPSLLD(Imm(16), v, high)
			u.VPBLENDW(Imm(0xaa), high, v, v)
		}
		for _, q := range u.quarters(v) {
			quarters = append(quarters, q, q, q, q)
		}
	}
	return quarters
}
