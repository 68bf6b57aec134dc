package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemv writes kernels that multiply one vector with 4 rows at a time, as they
// stand in the file. The rows are far apart and each is followed by its
// neighbour, so that the processor sees four long streams. A few blocks of each
// give exact sums, a lane per block, which enter the four chains of additions in
// turn.
type gemv struct {
	*asm
	rows    *table // of the 4
	x, meta reg.Register
	step    int // the blocks of a register of sums

	constants func() // brings those of all rows into registers

	scaleWords, offsetWords Mem            // AVX-512: where metas of 4 blocks have them
	ones, nibble            reg.VecVirtual // AVX2
}

// gemvFormat writes the loads and integer sums of a format.
type gemvFormat struct {
	several func() (sum, scale reg.VecVirtual) // of step blocks of the 4 rows
	one     func() (sum reg.VecVirtual)        // of a block of the 4 rows
}

// kernel writes a function for blocks of size bytes.
func (g *gemv) kernel(name string, size int, f gemvFormat) {
	g.fn(name, "func(dst *float32, ld int, w *byte, far, stride int, codes *int8, meta *byte, blocks, count int)",
		"dst[r*ld+j] = x·row(r, j), r < 4, j < count, which begins at w[r*far+j*stride].")
	dst, ld, w, far := g.arg("dst"), g.arg("ld"), g.arg("w"), g.arg("far")
	out := g.table(dst, ld, 4, 4, g.times(ld, 3))
	g.rows = g.table(w, far, 1, 4, g.times(far, 3))
	g.constants()

	g.Label("row")
	g.x, g.meta = g.arg("codes"), g.arg("meta")
	begin := g.copyOf(g.rows.bases[0])
	acc := g.XMM()
	g.VXORPS(acc, acc, acc)
	left := g.arg("blocks")
	g.SUBQ(imm(g.step), left)
	g.JL(LabelRef("rest"))

	g.Label("several")
	sum, scale := f.several()
	g.VCVTDQ2PS(sum, sum)
	g.VMULPS(g.metaScales(), scale, scale)
	sums, scales := g.quarters(sum), g.quarters(scale)
	for k := range sums {
		g.VFMADD231PS(scales[k], sums[k], acc)
	}
	g.rows.fetchRows(g.asm, g.step*size)
	g.next(g.step, size)
	g.SUBQ(imm(g.step), left)
	g.JGE(LabelRef("several"))

	g.Label("rest")
	g.ADDQ(imm(g.step), left)
	g.JZ(LabelRef("store"))
	g.Label("one")
	d, m := g.XMM(), g.XMM()
	g.VPXOR(d, d, d)
	for r := range 4 {
		g.VPINSRW(Imm(uint64(r)), g.rows.at(r, 0), d, d)
	}
	g.VCVTPH2PS(d, d)
	g.VBROADCASTSS(Mem{Base: g.meta}, m)
	g.VMULPS(m, d, d)
	s := f.one().AsX()
	g.VCVTDQ2PS(s, s)
	g.VFMADD231PS(d, s, acc)
	g.next(1, size)
	g.DECQ(left)
	g.JNZ(LabelRef("one"))

	g.Label("store")
	g.VMOVSS(acc, out.at(0, 0))
	for r := 1; r < 4; r++ {
		g.VEXTRACTPS(Imm(uint64(r)), acc, out.at(r, 0))
	}
	g.advance(out, 4)
	g.MOVQ(begin, g.rows.bases[0])
	g.ADDQ(g.mem("stride"), g.rows.bases[0])
	g.DECQ(g.mem("count"))
	g.JNZ(LabelRef("row"))
	g.ret()
}

// fetchAhead is the distance in bytes of what is asked for: busy with the sums,
// the processor does not foresee enough of the rows.
const fetchAhead = 1536

// fetchRows asks for bytes of each of 4 rows.
func (t *table) fetchRows(a *asm, bytes int) {
	for r := range 4 {
		for at := 0; at < bytes; at += 64 {
			a.PREFETCHT0(t.at(r, fetchAhead+at))
		}
	}
}

func (g *gemv) next(blocks, size int) {
	g.advance(g.rows, blocks*size)
	g.ADDQ(imm(32*blocks), g.x)
	g.ADDQ(imm(metaSize*blocks), g.meta)
}

// metaScales returns the scales of step blocks of the vector, a lane each.
func (g *gemv) metaScales() reg.VecVirtual {
	if g.wide() {
		return g.wideMetas(g.load(g.scaleWords))
	}
	return g.pairOf(0)
}

// pairOf returns a dword of two metas, a lane each.
func (g *gemv) pairOf(disp int) reg.VecVirtual {
	v, second := g.YMM(), g.YMM()
	g.VBROADCASTSS(Mem{Base: g.meta, Disp: disp}, v)
	g.VBROADCASTSS(Mem{Base: g.meta, Disp: metaSize + disp}, second)
	g.VPBLENDD(Imm(0xf0), second, v, v)
	return v
}
