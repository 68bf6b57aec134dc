package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vnniKernels multiply tokens with a panel of 32 rows of bytes that are codes
// plus 128, [block][four][32][4], and a float32 scale per row and block,
// [block][32]. A block's sum starts from what the 128 adds too much, so that it
// ends exact.
func vnniKernels(a *asm) {
	bytes, nibbles := a.foursVNNI("")
	a.packVNNI("packQ8_0", 34, bytes)
	a.packCodes(bytes)
	a.packVNNI("packQ4_0", 18, nibbles)
	for tokens := 1; tokens <= 6; tokens++ {
		a.tileVNNI(tokens, false)
	}
	for tokens := 1; tokens <= 4; tokens++ {
		a.tileVNNI(tokens, true)
	}
}

// foursOf brings a block of the codes of 16 rows into registers, plus 128: four i
// of each row, [16][4], is handed to use when it is made.
type foursOf func(rows *table, use func(i int, four reg.VecVirtual))

// foursVNNI returns those of q8_0 and q4_0, whose constants are named after name.
func (a *asm) foursVNNI(name string) (bytes, nibbles foursOf) {
	flip, nibble, shift := a.constant(name+"flip", 0x80808080), a.constant(name+"nibble", 0x0f0f0f0f), a.constant(name+"shift", 0x78787878)
	bytes = func(rows *table, use func(int, reg.VecVirtual)) { a.bytesVNNI(rows, flip, use) }
	nibbles = func(rows *table, use func(int, reg.VecVirtual)) { a.nibblesVNNI(rows, nibble, shift, use) }
	return bytes, nibbles
}

const (
	halfPanel  = 64   // bytes of a four of codes of half a panel's rows
	panelFour  = 128  // the same of a panel
	panelBlock = 1024 // bytes of a block of codes of a panel
)

// packVNNI writes a function that packs half a panel, 16 rows.
func (a *asm) packVNNI(name string, size int, codes foursOf) {
	a.fn(name, "func(panel *byte, scales *float32, w *byte, stride, blocks int)",
		"Packs blocks of 16 rows into half a panel of 32.")
	panel, scales, w, stride, blocks := a.arg("panel"), a.arg("scales"), a.arg("w"), a.arg("stride"), a.arg("blocks")
	rows := a.table(w, stride, 1, 16, a.times(stride, 3))
	a.Label("block")
	a.VMOVUPS(a.scalesVNNI(rows), Mem{Base: scales})
	codes(rows, a.toPanel(panel))
	a.ADDQ(imm(panelBlock), panel)
	a.ADDQ(imm(panelFour), scales)
	a.advance(rows, size)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.ret()
}

// packCodes writes packQ8_0 without the scales, for rows in its layout whose
// scales are elsewhere.
func (a *asm) packCodes(codes foursOf) {
	a.fn("packCodes", "func(panel *byte, w *byte, stride, blocks int)",
		"Packs the codes of blocks of 16 rows in q8_0's layout into half a panel of 32.")
	panel, w, stride, blocks := a.arg("panel"), a.arg("w"), a.arg("stride"), a.arg("blocks")
	rows := a.table(w, stride, 1, 16, a.times(stride, 3))
	a.Label("block")
	codes(rows, a.toPanel(panel))
	a.ADDQ(imm(panelBlock), panel)
	a.advance(rows, 34)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.ret()
}

// gatherHalves loads the scales of a block of 8 rows.
func (a *asm) gatherHalves(rows *table, first int, v reg.VecVirtual) {
	a.VPXORD(v.AsX(), v.AsX(), v.AsX())
	for i := range 8 {
		a.VPINSRW(Imm(uint64(i)), rows.at(first+i, 0), v.AsX(), v.AsX())
	}
}

// scalesVNNI loads the scales of a block of 16 rows.
func (a *asm) scalesVNNI(rows *table) reg.VecVirtual {
	low, high, v := a.YMM(), a.YMM(), a.ZMM()
	a.gatherHalves(rows, 0, low)
	a.gatherHalves(rows, 8, high)
	a.VINSERTI32X4(Imm(1), high.AsX(), low, low)
	a.VCVTPH2PS(low, v)
	return v
}

// toPanel writes fours to half a panel.
func (a *asm) toPanel(panel reg.Register) func(int, reg.VecVirtual) {
	return func(i int, four reg.VecVirtual) { a.VMOVDQU32(four, Mem{Base: panel, Disp: panelFour * i}) }
}

func (a *asm) bytesVNNI(rows *table, flip Mem, use func(int, reg.VecVirtual)) {
	v := make([]reg.VecVirtual, 8)
	for i := range v {
		// Rows 0 to 3 and 8 to 11 in the low halves, the fours after them in the high ones.
		r := i/4*8 + i%4
		v[i] = a.ZMM()
		a.VBROADCASTI64X4(rows.at(r, 2), v[i]) // whole, so that no older value lives on
		a.VINSERTI64X4(Imm(1), rows.at(r+4, 2), v[i], v[i])
	}
	// Each lane has a four of codes of 4 rows; the second and fourth, that of 4 further.
	v = a.unpack(v, 2, a.VPUNPCKLDQ, a.VPUNPCKHDQ)
	v = a.unpack(v, 4, a.VPUNPCKLQDQ, a.VPUNPCKHQDQ)
	mask := a.broadcast(flip)
	for i := range 4 {
		for half, lanes := range []uint64{0x88, 0xdd} {
			p := a.ZMM()
			a.VSHUFI32X4(Imm(lanes), v[i+4], v[i], p)
			a.VPXORD(mask, p, p)
			use(i+4*half, p)
		}
	}
}

func (a *asm) nibblesVNNI(rows *table, nibble, shift Mem, use func(int, reg.VecVirtual)) {
	v := make([]reg.VecVirtual, 4)
	for i := range v {
		v[i] = a.ZMM()
		a.VBROADCASTI32X4(rows.at(i, 2), v[i])
		for lane := 1; lane < 4; lane++ {
			a.VINSERTI32X4(Imm(uint64(lane)), rows.at(i+4*lane, 2), v[i], v[i])
		}
	}
	v = a.unpack(v, 1, a.VPUNPCKLDQ, a.VPUNPCKHDQ)
	v = a.unpack(v, 2, a.VPUNPCKLQDQ, a.VPUNPCKHQDQ)
	mask, plus := a.broadcast(nibble), a.broadcast(shift)
	for i, low := range v {
		high := a.ZMM()
		a.VPSRLW(Imm(4), low, high)
		for half, p := range []reg.VecVirtual{low, high} {
			a.VPANDD(mask, p, p)
			a.VPADDB(plus, p, p)
			use(i+4*half, p)
		}
	}
}

// broadcast loads a constant into a wide register.
func (a *asm) broadcast(m Mem) reg.VecVirtual {
	v := a.ZMM()
	a.VBROADCASTI64X4(m, v)
	return v
}

// tileVNNI writes the kernel that multiplies tokens, group after group of as
// many, with a panel. Of each four of codes it loads the two registers of
// weights once for all tokens of a group, and the token's four once for both.
//
// With halves each 16 codes have a whole number for a scale, and their sum an
// offset. A block's sum, both halves times their scales, is whole too, and
// enters the total times what the scales are units of: [block][3][32].
func (a *asm) tileVNNI(tokens int, halves bool) {
	name, scalesOf, parts, rows := "tilex%d", "", 1, 1
	if halves {
		name, scalesOf, parts, rows = "tileHalvesx%d", ", a scale for each half of a block", 2, 3
	}
	a.fn(fmt.Sprintf(name, tokens),
		"func(dst *float32, ld int, x *byte, stride int, meta *byte, metaStride int, panel *byte, scales *float32, blocks, groups, keep int)",
		fmt.Sprintf("dst[q*ld+j] = x[q]·row j, q < %d × groups, j < 32%s; added to what is there if keep is -1, not 0. Strides are in bytes.", tokens, scalesOf))
	x, meta, dst := a.mem("x"), a.mem("meta"), a.mem("dst")
	stride, metaStride, ld := a.arg("stride"), a.arg("metaStride"), a.arg("ld")
	a.KMOVQ(a.mem("keep"), reg.K1)

	a.Label("group")
	total, sum := a.tileVecs(tokens), a.tileVecs(tokens)
	out := a.table(a.loaded(dst), ld, 4, tokens, nil)
	for q, v := range total {
		a.VMOVUPS_Z(out.at(q, 0), reg.K1, v[0])
		a.VMOVUPS_Z(out.at(q, 64), reg.K1, v[1])
	}
	next := a.table(a.loaded(dst), ld, 4, tokens, nil)
	a.nextGroup(next, ld, 4*tokens)
	for q := range total {
		a.PREFETCHT0(next.at(q, 0))
		a.PREFETCHT0(next.at(q, 64))
	}
	xs := a.table(a.loaded(x), stride, 1, tokens, nil)
	metas := a.table(a.loaded(meta), metaStride, 1, tokens, nil)
	panel, scales, blocks := a.arg("panel"), a.arg("scales"), a.arg("blocks")

	a.Label("block")
	w, four := [2]reg.VecVirtual{a.ZMM(), a.ZMM()}, a.ZMM()
	whole := sum // of a block
	if halves {
		whole = a.tileVecs(tokens)
	}
	for part := range parts {
		for q, s := range sum {
			a.VPBROADCASTD(metas.at(q, 4+4*part), s[0])
			a.VMOVDQA32(s[0], s[1])
		}
		for i := 8 / parts * part; i < 8/parts*(part+1); i++ {
			for c, v := range w {
				a.VMOVDQU32(Mem{Base: panel, Disp: panelFour*i + halfPanel*c}, v)
			}
			for q, s := range sum {
				a.VPBROADCASTD(xs.at(q, 4*i), four)
				a.VPDPBUSD(four, w[0], s[0])
				a.VPDPBUSD(four, w[1], s[1])
			}
		}
		for q, s := range sum {
			for c := range s {
				a.VCVTDQ2PS(s[c], s[c])
				if at := (Mem{Base: scales, Disp: panelFour*part + 64*c}); !halves {
					continue
				} else if part == 0 {
					a.VMULPS(at, s[c], whole[q][c])
				} else {
					a.VFMADD231PS(at, s[c], whole[q][c])
				}
			}
		}
	}
	for c, scale := range w {
		a.VMOVUPS(Mem{Base: scales, Disp: panelFour*(rows-1) + 64*c}, scale)
		for q, s := range whole {
			a.VMULPS_BCST(metas.at(q, 0), scale, four)
			a.VFMADD231PS(four, s[c], total[q][c])
		}
	}
	a.advance(xs, 32)
	a.advance(metas, metaSize)
	a.ADDQ(imm(panelBlock), panel)
	a.ADDQ(imm(panelFour*rows), scales)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))

	out = a.table(a.loaded(dst), ld, 4, tokens, nil)
	for q, v := range total {
		a.VMOVUPS(v[0], out.at(q, 0))
		a.VMOVUPS(v[1], out.at(q, 64))
	}
	for _, p := range []struct {
		at     Mem
		stride reg.Register
		scale  uint64
	}{{dst, ld, 4}, {x, stride, 1}, {meta, metaStride, 1}} {
		a.ADDQ(a.times(p.stride, p.scale*uint64(tokens)), p.at)
	}
	a.DECQ(a.mem("groups"))
	a.JNZ(LabelRef("group"))
	a.ret()
}

func (a *asm) tileVecs(tokens int) [][2]reg.VecVirtual {
	v := make([][2]reg.VecVirtual, tokens)
	for q := range v {
		v[q] = [2]reg.VecVirtual{a.vec(), a.vec()}
	}
	return v
}

// nextGroup moves a table on by n strides.
func (a *asm) nextGroup(t *table, stride reg.Register, n int) {
	step := a.times(stride, uint64(n))
	for _, b := range t.bases {
		a.ADDQ(step, b)
	}
}

func (a *asm) loaded(m Mem) reg.Register {
	r := a.GP64()
	a.MOVQ(m, r)
	return r
}
