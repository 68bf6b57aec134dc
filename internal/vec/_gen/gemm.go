package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemmKernels multiply several tokens with a panel of 16 rows, whose codes are
// interleaved so that a register holds neighbouring codes of 8 rows: pairs of
// int16 for q8_0, [pair][16][2]; fours of unsigned bytes for q4_0, q4_k and q6_k,
// [four][16][4].
func gemmKernels(a *asm) {
	a.packQ8()
	a.packQ4(a.constant("nibble", 0x0f0f0f0f))
	a.packFours()
	ones := a.constant("gemmOnes", 0x00010001)
	for _, tokens := range []int{1, 2, 4, 6} {
		a.tileQ8(tokens)
		a.tileQ4("Q4_0", tokens, 8, ones)
		a.tileQ4("Q4_K", tokens, 0, ones)
		a.tileHalves(tokens)
	}
	a.prefetchRows()
}

// pack writes a function that packs half a panel, 8 rows, with their scales
// unless these are elsewhere.
func (a *asm) pack(name string, size, block int, scales bool, codes func(rows *table, panel reg.Register)) {
	signature := "func(panel *byte, w *byte, stride, blocks int)"
	if scales {
		signature = "func(panel *byte, scales *float32, w *byte, stride, blocks int)"
	}
	a.fn(name, signature, "Packs blocks of 8 rows into half a panel of 16.")
	panel, w, stride, blocks := a.arg("panel"), a.arg("w"), a.arg("stride"), a.arg("blocks")
	triple := a.times(stride, 3)
	rows := a.table(w, stride, 1, 8, triple)
	var to reg.Register
	if scales {
		to = a.arg("scales")
	}
	a.Label("block")
	if scales {
		s := a.YMM()
		a.gatherScales(rows, s)
		a.VMOVUPS(s, Mem{Base: to})
		a.ADDQ(Imm(64), to)
	}
	codes(rows, panel)
	a.ADDQ(imm(block), panel)
	a.advance(rows, size)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.ret()
}

func (a *asm) packQ8() {
	a.pack("packQ8_0", 34, 1024, true, func(rows *table, panel reg.Register) {
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
	a.pack("packQ4_0", 18, 512, true, func(rows *table, panel reg.Register) {
		mask := a.YMM()
		a.VMOVDQU(nibble, mask)
		for i, p := range a.transposeFours(rows, 2) {
			h := a.YMM()
			a.VPSRLW(Imm(4), p, h)
			a.VPAND(mask, p, p)
			a.VPAND(mask, h, h)
			a.VMOVDQU(p, Mem{Base: panel, Disp: 64 * i})
			a.VMOVDQU(h, Mem{Base: panel, Disp: 64 * (i + 4)})
		}
	})
}

// packFours packs bytes in q8_0's layout whose scales are elsewhere.
func (a *asm) packFours() {
	a.pack("packCodes", 34, 512, false, func(rows *table, panel reg.Register) {
		for half := range 2 {
			for i, p := range a.transposeFours(rows, 2+16*half) {
				a.VMOVDQU(p, Mem{Base: panel, Disp: 64 * (i + 4*half)})
			}
		}
	})
}

// transposeFours loads 16 bytes of 8 rows: four i of each row is in register i.
func (a *asm) transposeFours(rows *table, disp int) []reg.VecVirtual {
	v := a.vecs(4)
	for i := range v {
		a.VMOVDQU(rows.at(i, disp), v[i].AsX())
		a.VINSERTI128(Imm(1), rows.at(i+4, disp), v[i], v[i])
	}
	v = a.unpack(v, 1, a.VPUNPCKLDQ, a.VPUNPCKHDQ)
	return a.unpack(v, 2, a.VPUNPCKLQDQ, a.VPUNPCKHQDQ)
}

// tile writes a function that adds to tokens × 16 outputs. acc are the exact
// sums of a block, which block computes; their scales, the last of a block's
// vectors of them, are applied in float32.
func (a *asm) tile(name string, tokens, elem, blockBytes, scaleVectors int, block func(g *gemm)) {
	a.fn(fmt.Sprintf("tile%sx%d", name, tokens),
		"func(dst *float32, ld int, x *byte, stride int, meta *byte, metaStride int, panel *byte, scales *float32, blocks int)",
		fmt.Sprintf("dst[q*ld+j] += x[q]·row j, q < %d, j < 16. Strides are in bytes.", tokens))
	g := &gemm{asm: a}
	dst, ld, x, stride := a.arg("dst"), a.arg("ld"), a.arg("x"), a.arg("stride")
	g.dst = a.table(dst, ld, 4, tokens, nil)
	g.x = a.table(x, stride, 1, tokens, nil)
	meta, metaStride := a.arg("meta"), a.arg("metaStride")
	g.meta = a.table(meta, metaStride, 1, tokens, nil)
	g.panel, g.scales = a.arg("panel"), a.arg("scales")
	blocks := a.arg("blocks")
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
		a.VMOVUPS(Mem{Base: g.scales, Disp: 64*(scaleVectors-1) + 32*c}, g.w[c])
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
	a.ADDQ(imm(64*scaleVectors), g.scales)
	a.DECQ(blocks)
	a.JNZ(LabelRef("block"))
	a.ret()
}

type gemm struct {
	*asm
	dst, x, meta *table
	panel        reg.Register
	scales       reg.Register
	acc          [][]reg.VecVirtual
	w            []reg.VecVirtual
	bcast        reg.VecVirtual
}

func (a *asm) tileQ8(tokens int) {
	a.tile("Q8_0", tokens, 2, 1024, 1, func(g *gemm) {
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

// tileQ4 adds 16 products of 0..15 and -127..127, which fit int16; or of -8..7,
// with the offset in the metas.
func (a *asm) tileQ4(name string, tokens, offset int, ones Mem) {
	a.tile(name, tokens, 1, 512, 1, func(g *gemm) {
		g.fours(0, 8, offset)
		for _, acc := range g.acc {
			for _, s := range acc {
				a.VPMADDWD(ones, s, s)
			}
		}
	})
}

// fours multiplies fours first to end of a block, unsigned bytes, into sums of
// words that start from the pair of words at offset in the metas, if not from 0.
func (g *gemm) fours(first, end, offset int) {
	for q, acc := range g.acc {
		for _, s := range acc {
			if offset > 0 {
				g.VPBROADCASTD(g.meta.at(q, offset), s)
			} else {
				g.VPXOR(s, s, s)
			}
		}
	}
	for i := first; i < end; i++ {
		for c := range 2 {
			g.VMOVDQU(Mem{Base: g.panel, Disp: 64*i + 32*c}, g.w[c])
		}
		for q, acc := range g.acc {
			t := g.YMM()
			g.VPBROADCASTD(g.x.at(q, 4*i), g.bcast)
			g.VPMADDUBSW(g.bcast, g.w[0], t)
			g.VPADDW(t, acc[0], acc[0])
			g.VPMADDUBSW(g.bcast, g.w[1], t)
			g.VPADDW(t, acc[1], acc[1])
		}
	}
}

// tileHalves is for codes of 6 bits with a whole number for a scale of each half
// of a block. Sums of words end as 8 products of -32..31 and -127..127, those of
// dwords below 2^24.
func (a *asm) tileHalves(tokens int) {
	a.tile("Halves", tokens, 1, 512, 3, func(g *gemm) {
		first := a.AllocLocal(64 * tokens) // sums of the first half
		for half := range 2 {
			g.fours(4*half, 4*half+4, 4+4*half)
			for c := range 2 {
				a.VMOVDQU(Mem{Base: g.scales, Disp: 64*half + 32*c}, g.w[c])
			}
			for q, acc := range g.acc {
				for c, s := range acc {
					a.VPMADDWD(g.w[c], s, s)
					if at := first.Offset(64*q + 32*c); half == 0 {
						a.VMOVDQU(s, at)
					} else {
						a.VPADDD(at, s, s)
					}
				}
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

// prefetchRows writes a function that asks for parts of rows, which are too
// short for the processor to foresee the next.
func (a *asm) prefetchRows() {
	a.fn("prefetchRows", "func(w *byte, stride, bytes, rows int)", "Asks for the first bytes of each row.")
	w, stride, bytes, rows := a.arg("w"), a.arg("stride"), a.arg("bytes"), a.arg("rows")
	a.Label("row")
	at, left := a.copyOf(w), a.copyOf(bytes)
	a.Label("line")
	a.PREFETCHT1(Mem{Base: at})
	a.ADDQ(imm(64), at)
	a.SUBQ(imm(64), left)
	a.JG(LabelRef("line"))
	a.ADDQ(stride, w)
	a.DECQ(rows)
	a.JNZ(LabelRef("row"))
	a.RET()
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
