package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemvKernels multiply one vector with 8 rows at a time, as they stand in the file.
func gemvKernels(a *asm) {
	ones, nibble := a.constant("gemvOnes", 0x00010001), a.constant("gemvNibble", 0x0f0f0f0f)
	for _, q4 := range []bool{false, true} {
		name, size := "gemvQ8_0", 34
		if q4 {
			name, size = "gemvQ4_0", 18
		}
		a.fn(name, "func(dst *float32, w *byte, codes *int8, meta *byte, blocks, groups int)",
			"dst[j] = x·row j for 8 × groups rows that follow each other.")
		g := &gemv{asm: a, ones: ones, nibble: nibble}
		dst, w, codes, meta, blocks, groups := a.arg("dst"), a.arg("w"), a.arg("codes"), a.arg("meta"), a.arg("blocks"), a.arg("groups")
		stride := a.times(blocks, uint64(size))
		triple := a.times(stride, 3)

		a.Label("group")
		g.rows = a.table(w, stride, 1, 8, triple)
		g.x = a.copyOf(codes)
		m, left := a.copyOf(meta), a.copyOf(blocks)
		ahead := a.GP64()
		a.LEAQ(Mem{Base: w, Index: stride, Scale: 8}, ahead)
		acc := a.YMM()
		a.VXORPS(acc, acc, acc)
		a.Label("block")
		a.prefetch(ahead, 8*size)
		sum := a.YMM()
		if q4 {
			g.dotQ4(sum)
			offset := a.YMM()
			a.VPBROADCASTD(Mem{Base: m, Disp: 4}, offset)
			a.VPSRAD(Imm(4), offset, offset) // 8 times the sum of the codes, not 128
			a.VPADDD(offset, sum, sum)
		} else {
			g.dotQ8(sum)
		}
		a.VCVTDQ2PS(sum, sum)
		scale, other := a.YMM(), a.YMM()
		a.gatherScales(g.rows, scale)
		a.VBROADCASTSS(Mem{Base: m}, other)
		a.VMULPS(other, scale, scale)
		a.VFMADD231PS(scale, sum, acc)
		a.advance(g.rows, size)
		a.ADDQ(Imm(32), g.x)
		a.ADDQ(Imm(metaSize), m)
		a.DECQ(left)
		a.JNZ(LabelRef("block"))
		a.VMOVUPS(acc, Mem{Base: dst})
		a.ADDQ(Imm(32), dst)
		a.LEAQ(Mem{Base: w, Index: stride, Scale: 8}, w)
		a.DECQ(groups)
		a.JNZ(LabelRef("group"))
		a.ret()
	}
}

// prefetch asks for the next bytes of the rows that follow the 8 in hand, as one
// stream: eight short ones interleaved are too much for the processor to foresee.
func (a *asm) prefetch(at reg.Register, bytes int) {
	for off := 0; off < bytes; off += 64 {
		a.PREFETCHT0(Mem{Base: at, Disp: off})
	}
	a.ADDQ(U32(uint32(bytes)), at)
}

type gemv struct {
	*asm
	ones, nibble Mem
	rows         *table
	x            reg.Register
}

// gatherScales loads the scales of a block of 8 rows.
func (a *asm) gatherScales(rows *table, scale reg.VecVirtual) {
	h := a.XMM()
	a.VPXOR(h, h, h)
	for i := range 8 {
		a.VPINSRW(Imm(uint64(i)), rows.at(i, 0), h, h)
	}
	a.VCVTPH2PS(h, scale)
}

// dotQ8 moves the signs of the weights to the activations, so that the product
// of unsigned and signed bytes can be used. Activations are at least -127: the
// sum of two products is at most 2 × 128 × 127, which int16 holds.
func (g *gemv) dotQ8(sum reg.VecVirtual) {
	x, ones := g.YMM(), g.YMM()
	g.VMOVDQU(Mem{Base: g.x}, x)
	g.VMOVDQU(g.ones, ones)
	t := g.vecs(8)
	for i, v := range t {
		s := g.YMM()
		g.VMOVDQU(g.rows.at(i, 2), v)
		g.VPSIGNB(v, x, s)
		g.VPABSB(v, v)
		g.VPMADDUBSW(s, v, v)
		g.VPMADDWD(ones, v, v)
		if i%2 == 1 {
			g.VPHADDD(v, t[i-1], t[i-1])
		}
		if i%4 == 3 {
			g.VPHADDD(t[i-1], t[i-3], t[i-3])
		}
	}
	u := g.YMM()
	g.VPERM2I128(Imm(0x20), t[4], t[0], u)
	g.VPERM2I128(Imm(0x31), t[4], t[0], sum)
	g.VPADDD(u, sum, sum)
}

// dotQ4 takes rows i and i+4 in the halves of a register. Of 16 products of
// codes up to 15 and 127, all sums on the way fit int16.
func (g *gemv) dotQ4(sum reg.VecVirtual) {
	lo, hi, mask := g.YMM(), g.YMM(), g.YMM()
	g.VBROADCASTI128(Mem{Base: g.x}, lo)
	g.VBROADCASTI128(Mem{Base: g.x, Disp: 16}, hi)
	g.VMOVDQU(g.nibble, mask)
	t := g.vecs(4)
	for i, v := range t {
		h := g.YMM()
		g.VMOVDQU(g.rows.at(i, 2), v.AsX())
		g.VINSERTI128(Imm(1), g.rows.at(i+4, 2), v, v)
		g.VPSRLW(Imm(4), v, h)
		g.VPAND(mask, v, v)
		g.VPAND(mask, h, h)
		g.VPMADDUBSW(lo, v, v)
		g.VPMADDUBSW(hi, h, h)
		g.VPADDW(h, v, v)
		if i%2 == 1 {
			g.VPHADDW(v, t[i-1], t[i-1])
		}
	}
	g.VPHADDW(t[2], t[0], sum)
	g.VPMADDWD(g.ones, sum, sum)
}
