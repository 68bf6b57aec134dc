package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemmKernels multiply several tokens with a panel of 16 rows, whose codes are
// interleaved so that a register holds neighbouring codes of 8 rows: pairs of
// int16 for q8_0, [pair][16][2]; fours of unsigned bytes for q4_0, [four][16][4].
func gemmKernels(a *asm) {
	a.packQ8()
	a.packQ4(a.constant("nibble", 0x0f0f0f0f))
	ones := a.constant("gemmOnes", 0x00010001)
	for _, tokens := range []int{1, 2, 4, 6} {
		a.tileQ8(tokens)
		a.tileQ4(tokens, ones)
	}
}

// pack writes a function that packs half a panel, 8 rows.
func (a *asm) pack(name string, size, block int, codes func(rows *table, panel reg.Register)) {
	a.fn(name, "func(panel *byte, scales *float32, w *byte, stride, blocks int)",
		"Packs blocks of 8 rows into half a panel of 16.")
	panel, scales, w, stride, blocks := a.arg("panel"), a.arg("scales"), a.arg("w"), a.arg("stride"), a.arg("blocks")
	triple := a.times(stride, 3)
	rows := a.table(w, stride, 1, 8, triple)
	a.Label("block")
	s := a.YMM()
	a.gatherScales(rows, s)
	a.VMOVUPS(s, Mem{Base: scales})
	codes(rows, panel)
	a.ADDQ(imm(block), panel)
	a.ADDQ(Imm(64), scales)
	a.advance(rows, size)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.ret()
}

func (a *asm) packQ8() {
	a.pack("packQ8_0", 34, 1024, func(rows *table, panel reg.Register) {
		v := a.vecs(8)
		for i := range v {
			a.VMOVDQU(rows.at(i, 2), v[i])
		}
		// Transpose pairs of codes: the low lane ends with pair i, the high one with i+8.
		v = a.unpack(v, 1, a.VPUNPCKLWD, a.VPUNPCKHWD)
		v = a.unpack(v, 2, a.VPUNPCKLDQ, a.VPUNPCKHDQ)
		v = a.unpack(v, 4, a.VPUNPCKLQDQ, a.VPUNPCKHQDQ)
		for i, p := range v {
			w := a.YMM()
			a.VPMOVSXBW(p.AsX(), w)
			a.VMOVDQU(w, Mem{Base: panel, Disp: 64 * i})
			a.VEXTRACTI128(Imm(1), p, p.AsX())
			a.VPMOVSXBW(p.AsX(), w)
			a.VMOVDQU(w, Mem{Base: panel, Disp: 64 * (i + 8)})
		}
	})
}

func (a *asm) packQ4(nibble Mem) {
	a.pack("packQ4_0", 18, 512, func(rows *table, panel reg.Register) {
		v := a.vecs(4)
		for i := range v {
			a.VMOVDQU(rows.at(i, 2), v[i].AsX())
			a.VINSERTI128(Imm(1), rows.at(i+4, 2), v[i], v[i])
		}
		v = a.unpack(v, 1, a.VPUNPCKLDQ, a.VPUNPCKHDQ)
		v = a.unpack(v, 2, a.VPUNPCKLQDQ, a.VPUNPCKHQDQ)
		mask := a.YMM()
		a.VMOVDQU(nibble, mask)
		for i, p := range v {
			h := a.YMM()
			a.VPSRLW(Imm(4), p, h)
			a.VPAND(mask, p, p)
			a.VPAND(mask, h, h)
			a.VMOVDQU(p, Mem{Base: panel, Disp: 64 * i})
			a.VMOVDQU(h, Mem{Base: panel, Disp: 64 * (i + 4)})
		}
	})
}

// tile writes a function that adds to tokens × 16 outputs. acc are the exact
// sums of a block, which block computes; their scales are applied in float32.
func (a *asm) tile(name string, tokens, elem, blockBytes int, block func(g *gemm)) {
	a.fn(fmt.Sprintf("tile%sx%d", name, tokens),
		"func(dst *float32, ld int, x *byte, stride int, meta *byte, metaStride int, panel *byte, scales *float32, blocks int)",
		fmt.Sprintf("dst[q*ld+j] += x[q]·row j, q < %d, j < 16. Strides are in bytes.", tokens))
	g := &gemm{asm: a}
	dst, ld, x, stride := a.arg("dst"), a.arg("ld"), a.arg("x"), a.arg("stride")
	g.dst = a.table(dst, ld, 4, tokens, nil)
	g.x = a.table(x, stride, 1, tokens, nil)
	meta, metaStride := a.arg("meta"), a.arg("metaStride")
	g.meta = a.table(meta, metaStride, 1, tokens, nil)
	g.panel = a.arg("panel")
	scales, blocks := a.arg("scales"), a.arg("blocks")
	for t := range tokens {
		a.PREFETCHT0(g.dst.at(t, 0))
	}
	for range tokens {
		g.acc = append(g.acc, a.vecs(2))
	}
	a.Label("block")
	g.w, g.bcast = a.vecs(2), a.YMM()
	block(g)
	for c := range 2 {
		a.VMOVUPS(Mem{Base: scales, Disp: 32 * c}, g.w[c])
	}
	t := a.YMM()
	for q, acc := range g.acc {
		a.VBROADCASTSS(g.meta.at(q, 0), g.bcast)
		for c, s := range acc {
			a.VCVTDQ2PS(s, s)
			a.VMULPS(g.bcast, g.w[c], t)
			a.VFMADD213PS(g.dst.at(q, 32*c), t, s)
			a.VMOVUPS(s, g.dst.at(q, 32*c))
		}
	}
	a.advance(g.x, 32*elem)
	a.advance(g.meta, metaSize)
	a.ADDQ(imm(blockBytes), g.panel)
	a.ADDQ(Imm(64), scales)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.ret()
}

type gemm struct {
	*asm
	dst, x, meta *table
	panel        reg.Register
	acc          [][]reg.VecVirtual
	w            []reg.VecVirtual
	bcast        reg.VecVirtual
}

func (a *asm) tileQ8(tokens int) {
	a.tile("Q8_0", tokens, 2, 1024, func(g *gemm) {
		for _, acc := range g.acc {
			for _, s := range acc {
				a.VPXOR(s, s, s)
			}
		}
		for i := range 16 {
			for c := range 2 {
				a.VMOVDQU(Mem{Base: g.panel, Disp: 64*i + 32*c}, g.w[c])
			}
			for q, acc := range g.acc {
				t := a.YMM()
				a.VPBROADCASTD(g.x.at(q, 4*i), g.bcast)
				a.VPMADDWD(g.bcast, g.w[0], t)
				a.VPADDD(t, acc[0], acc[0])
				a.VPMADDWD(g.bcast, g.w[1], t)
				a.VPADDD(t, acc[1], acc[1])
			}
		}
	})
}

// tileQ4 starts its int16 sums with the offset, which keeps them in range: they
// end as sums of 16 products of -8..7 and -127..127.
func (a *asm) tileQ4(tokens int, ones Mem) {
	a.tile("Q4_0", tokens, 1, 512, func(g *gemm) {
		for q, acc := range g.acc {
			for _, s := range acc {
				a.VPBROADCASTD(g.meta.at(q, 8), s)
			}
		}
		for i := range 8 {
			for c := range 2 {
				a.VMOVDQU(Mem{Base: g.panel, Disp: 64*i + 32*c}, g.w[c])
			}
			for q, acc := range g.acc {
				t := a.YMM()
				a.VPBROADCASTD(g.x.at(q, 4*i), g.bcast)
				a.VPMADDUBSW(g.bcast, g.w[0], t)
				a.VPADDW(t, acc[0], acc[0])
				a.VPMADDUBSW(g.bcast, g.w[1], t)
				a.VPADDW(t, acc[1], acc[1])
			}
		}
		for _, acc := range g.acc {
			for _, s := range acc {
				a.VPMADDWD(ones, s, s)
			}
		}
	})
}

// unpack is a step of a transposition: in each of the groups, it interleaves
// registers 2i and 2i+1 and puts the low halves before the high ones.
func (a *asm) unpack(v []reg.VecVirtual, groups int, low, high func(...Op)) []reg.VecVirtual {
	out := make([]reg.VecVirtual, len(v))
	size := len(v) / groups
	for g := 0; g < len(v); g += size {
		for i := range size / 2 {
			x, y := v[g+2*i], v[g+2*i+1]
			out[g+i], out[g+size/2+i] = a.vec(), y
			low(y, x, out[g+i])
			high(y, x, y)
		}
	}
	return out
}
