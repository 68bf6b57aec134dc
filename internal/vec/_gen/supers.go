package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// superKernels multiply one vector with rows of k-quants, 4 at a time, as they
// stand in the file, like wideGemvKernels. The sums of 4 products, of a dword
// each, fit words: packing two rows at a time brings the rows side by side, so
// that a super-block gives 32 sums, [block][row].
func superKernels(a *asm) {
	g := &superGemv{wideGemv: wideGemv{asm: a}}
	g.constants()
	g.spreadQ4()
	g.spreadQ6()
	g.kernel("gemvQ4_K", 144, g.q4, g.endQ4)
	g.kernel("gemvQ6_K", 210, g.q6, func() {})
	for tokens := 1; tokens <= 6; tokens++ {
		a.tileMins(tokens)
	}
}

// fetchAhead is the distance in bytes of what is asked for: busy with the sums,
// the processor does not foresee enough of the rows.
const fetchAhead = 1536

// sideBytes is the size of what spreadQ4_K and spreadQ6_K write for a super-block.
const sideBytes = 256

// pairOrder is the blocks of half a super-block of q4_k in the order of the
// lanes that hold them: a register of codes has two pairs, of which the first of
// each is in the low halves of the bytes.
var pairOrder = [4]int{0, 2, 1, 3}

type superGemv struct {
	wideGemv
	side      reg.Register
	acc, mins reg.VecVirtual

	nibble, ones Mem

	six, top, count, bring, halves Mem    // q4_k
	pick                           Mem    // q4_k: one of the four 6-bit values of each dword, by lane
	high, left, right              Mem    // q6_k
	group                          [4]Mem // q6_k: the scales of a register of codes
}

func (g *superGemv) constants() {
	same := func(name string, w uint32) Mem { return g.words(name, func(int) uint32 { return w }) }
	g.nibble, g.ones = same("superNibble", 0x0f0f0f0f), same("superOnes", 0x00010001)
	g.six, g.top = same("superSix", 0x3f3f3f3f), same("superTop", 0xf0f0f0f0)
	g.count = g.words("superCount", func(i int) uint32 { return []uint32{0, 0, 4, 0}[i%4] })
	// Lanes: the first four scales of the 4 rows, the last, the first minimums, the last.
	g.bring = g.words("superBring", func(i int) uint32 { return uint32(4*(i%4) + 1 + i/8 + i/4%2*16) })
	g.halves = g.words("superHalves", func(i int) uint32 {
		first := uint32(2*i%4*8 + i/8)
		return first | (first+8)<<16
	})
	g.pick = g.words("superPick", func(i int) uint32 { return 0x80808000 | uint32(i%4*4+pairOrder[i/4]) })
	g.high = same("superHigh", 0x30303030)
	g.left = g.words("superLeft", func(i int) uint32 { return []uint32{4, 2}[i/8] * 0x10001 })
	g.right = g.words("superRight", func(i int) uint32 { return []uint32{0, 2}[i/8] * 0x10001 })
	for n := range g.group {
		g.group[n] = g.words(fmt.Sprintf("superGroup%d", n), func(i int) uint32 {
			return uint32(4*n+i/4+i/2%2*16) * 0x10001
		})
	}
}

// spreadQ4 writes the function that prepares the scales of a vector.
func (g *superGemv) spreadQ4() {
	dword := func(field, half int) func(i int) uint32 {
		return func(i int) uint32 {
			d := 3*(4*half+pairOrder[i/4]) + field
			if d >= 16 {
				d += 16 - 8 // of the second register, which is loaded 8 dwords further
			}
			return uint32(d)
		}
	}
	var index [4]Mem
	for i := range index {
		index[i] = g.words(fmt.Sprintf("spread%d", i), dword(i/2, i%2))
	}
	inverse := g.words("spreadInverse", func(int) uint32 { return 0xbc000000 }) // -1/128
	g.fn("spreadQ4_K", "func(side *byte, meta *byte, supers int)",
		"Writes the scales of each super-block's 8 blocks, four times each, in the order of gemvQ4_K, then those times the sums of the codes.")
	side, meta, supers := g.arg("side"), g.arg("meta"), g.arg("supers")
	g.Label("super")
	var v [4]reg.VecVirtual
	first, second := g.load(Mem{Base: meta}), g.load(Mem{Base: meta, Disp: 32})
	for i, at := range index {
		v[i] = g.load(at)
		g.VPERMI2D(second, first, v[i])
		if i >= 2 {
			g.VCVTDQ2PS(v[i], v[i])
			g.VMULPS(inverse, v[i], v[i])
			g.VMULPS(v[i-2], v[i], v[i])
		}
		g.VMOVDQU32(v[i], Mem{Base: side, Disp: 64 * i})
	}
	g.ADDQ(imm(8*metaSize), meta)
	g.ADDQ(imm(sideBytes), side)
	g.DECQ(supers)
	g.JNZ(LabelRef("super"))
	g.ret()
}

// spreadQ6 writes the function that prepares what q6_k's codes, which are plus
// 32, add too much.
func (g *superGemv) spreadQ6() {
	thirtyTwo := g.words("spreadCode", func(int) uint32 { return 0x20202020 })
	g.fn("spreadQ6_K", "func(side *byte, codes *int8, supers int)", "Writes minus 32 times the sum of each four codes.")
	side, codes, supers := g.arg("side"), g.arg("codes"), g.arg("supers")
	w, zero := g.load(thirtyTwo), g.ZMM()
	g.VPXORD(zero, zero, zero)
	g.Label("super")
	for i := range 4 {
		s := g.dot(w, g.load(Mem{Base: codes, Disp: 64 * i}))
		g.VPSUBD(s, zero, s)
		g.VMOVDQU32(s, Mem{Base: side, Disp: 64 * i})
	}
	g.ADDQ(imm(256), codes)
	g.ADDQ(imm(sideBytes), side)
	g.DECQ(supers)
	g.JNZ(LabelRef("super"))
	g.ret()
}

// kernel writes a function for super-blocks of size bytes.
func (g *superGemv) kernel(name string, size int, body, end func()) {
	g.fn(name, "func(dst *float32, ld int, w *byte, far, stride int, codes *int8, meta, side *byte, supers, count int)",
		"dst[r*ld+j] = x·row(r, j), r < 4, j < count, which begins at w[r*far+j*stride]; side is x as spread.")
	dst, ld, w, far := g.arg("dst"), g.arg("ld"), g.arg("w"), g.arg("far")
	out := g.table(dst, ld, 4, 4, g.times(ld, 3))
	g.rows = g.table(w, far, 1, 4, g.times(far, 3))

	g.Label("row")
	g.x, g.meta, g.side = g.arg("codes"), g.arg("meta"), g.arg("side")
	begin, left := g.copyOf(g.rows.bases[0]), g.arg("supers")
	g.acc, g.mins = g.XMM(), g.ZMM()
	g.VXORPS(g.acc, g.acc, g.acc)
	g.VPXORD(g.mins, g.mins, g.mins)
	g.Label("super")
	body()
	for r := range 4 {
		for at := 0; at < size; at += 64 {
			g.PREFETCHT0(g.rows.at(r, fetchAhead+at))
		}
	}
	g.advance(g.rows, size)
	g.ADDQ(imm(256), g.x)
	g.ADDQ(imm(8*metaSize), g.meta)
	g.ADDQ(imm(sideBytes), g.side)
	g.DECQ(left)
	g.JNZ(LabelRef("super"))
	end()
	g.VMOVSS(g.acc, out.at(0, 0))
	for r := 1; r < 4; r++ {
		g.VEXTRACTPS(Imm(uint64(r)), g.acc, out.at(r, 0))
	}
	g.advance(out, 4)
	g.MOVQ(begin, g.rows.bases[0])
	g.ADDQ(g.mem("stride"), g.rows.bases[0])
	g.DECQ(g.mem("count"))
	g.JNZ(LabelRef("row"))
	g.ret()
}

// lanes returns the four quarters of v. The first is v itself.
func (g *superGemv) lanes(v reg.VecVirtual) [4]reg.Register {
	q := [4]reg.Register{v.AsX()}
	for k := 1; k < 4; k++ {
		x := g.XMM()
		g.VEXTRACTF32X4(Imm(uint64(k)), v, x)
		q[k] = x
	}
	return q
}

// pack returns the dwords of a and b as words, the lanes side by side.
func (g *superGemv) pack(a, b reg.VecVirtual) reg.VecVirtual {
	g.VPACKSSDW(b, a, a)
	return a
}

// joinHalves adds lanes 0 and 1, and 2 and 3, of a and of b.
func (g *superGemv) joinHalves(a, b reg.VecVirtual) reg.VecVirtual {
	s := g.ZMM()
	g.VSHUFI32X4(Imm(0x88), b, a, s)
	g.VSHUFI32X4(Imm(0xdd), b, a, a)
	g.VPADDD(a, s, s)
	return s
}

func (g *superGemv) q4() {
	scales := g.scalesQ4()
	for half, scale := range scales {
		low, high := g.ZMM(), g.ZMM()
		first, second := g.load(Mem{Base: g.x, Disp: 128 * half}), g.load(Mem{Base: g.x, Disp: 128*half + 64})
		g.VSHUFI64X2(Imm(0x44), second, first, low)
		g.VSHUFI64X2(Imm(0xee), second, first, high)
		nibble := g.load(g.nibble)
		var lows, highs [4]reg.VecVirtual
		for r := range 4 {
			w, h := g.load(g.rows.at(r, 16+64*half)), g.ZMM()
			g.VPSRLW(Imm(4), w, h)
			g.VPANDD(nibble, w, w)
			g.VPANDD(nibble, h, h)
			lows[r], highs[r] = g.dot(w, low), g.dot(h, high)
		}
		sum := g.joinHalves(g.joinRows(lows), g.joinRows(highs))
		g.VCVTDQ2PS(sum, sum)
		s, d := g.lanes(sum), g.lanes(scale)
		for b := range 4 {
			g.VFMADD231PS(d[pairOrder[b]], s[pairOrder[b]], g.acc)
		}
	}
}

// joinRows adds the dwords of each lane: row r's become dword r. The sums of 8
// products of codes fit words, those of 16 too.
func (g *superGemv) joinRows(v [4]reg.VecVirtual) reg.VecVirtual {
	ones := g.load(g.ones)
	a, b := g.pack(v[0], v[1]), g.pack(v[2], v[3])
	g.VPMADDWD(ones, a, a)
	g.VPMADDWD(ones, b, b)
	a = g.pack(a, b)
	g.VPMADDWD(ones, a, a)
	return a
}

// scalesQ4 returns the scales of the halves of a super-block, the vector's
// included, and adds the minimums times the vector's sums to mins.
func (g *superGemv) scalesQ4() [2]reg.VecVirtual {
	h := g.ZMM()
	g.VMOVDQU(g.rows.at(0, 0), h.AsX())
	for r := 1; r < 4; r++ {
		g.VINSERTI32X4(Imm(uint64(r)), g.rows.at(r, 0), h, h)
	}
	// See scaleMin: dwords 1 and 2 have the first four of each, and the high bits
	// of the others, whose low ones are in dword 3.
	first, last, low := g.ZMM(), g.ZMM(), g.ZMM()
	g.VPANDD(g.six, h, first)
	g.VPSRLD(Imm(2), h, last)
	g.VPSHUFD(Imm(0xff), h, low)
	g.VPSRLVD(g.count, low, low)
	g.VPTERNLOGD(Imm(0xe4), g.top, low, last) // bits of last where top has them, else of low
	g.VPANDD(g.six, last, last)
	all := g.load(g.bring)
	g.VPERMI2D(last, first, all)

	d, index, dmin := g.ZMM(), g.load(g.halves), g.ZMM()
	g.VPERMW(h, index, d)
	g.VEXTRACTI64X4(Imm(1), d, dmin.AsY())
	g.VCVTPH2PS(d.AsY(), d)
	g.VCVTPH2PS(dmin.AsY(), dmin)
	pick := g.load(g.pick)
	var v [4]reg.VecVirtual
	for i := range v {
		v[i] = g.ZMM()
		g.VSHUFI32X4(Imm(uint64(i*0x55)), all, all, v[i])
		g.VPSHUFB(pick, v[i], v[i])
		g.VCVTDQ2PS(v[i], v[i])
		if i < 2 {
			g.VMULPS(d, v[i], v[i])
			g.VMULPS(Mem{Base: g.side, Disp: 64 * i}, v[i], v[i])
		} else {
			g.VMULPS(dmin, v[i], v[i])
			g.VFMADD231PS(Mem{Base: g.side, Disp: 64 * i}, v[i], g.mins)
		}
	}
	return [2]reg.VecVirtual{v[0], v[1]}
}

// endQ4 takes off the minimums.
func (g *superGemv) endQ4() {
	m := g.lanes(g.mins)
	for b := 1; b < 4; b++ {
		g.VADDPS(m[pairOrder[b]], m[0], m[0])
	}
	g.VSUBPS(m[0], g.acc, g.acc)
}

func (g *superGemv) q6() {
	var scales [2]reg.VecVirtual // of two rows each, as words
	for p := range scales {
		s := g.ZMM()
		g.VMOVDQU(g.rows.at(2*p, 192), s.AsX())
		g.VINSERTI128(Imm(1), g.rows.at(2*p+1, 192), s.AsY(), s.AsY())
		g.VPMOVSXBW(s.AsY(), s)
		scales[p] = s
	}
	d := g.XMM()
	g.VPXOR(d, d, d)
	for r := range 4 {
		g.VPINSRW(Imm(uint64(r)), g.rows.at(r, 208), d, d)
	}
	g.VCVTPH2PS(d, d)
	nibble, high := g.load(g.nibble), g.load(g.high)
	for half := range 2 {
		var sums [2][4]reg.VecVirtual
		for r := range 4 {
			low, bits, second, top := g.load(g.rows.at(r, 64*half)), g.ZMM(), g.ZMM(), g.ZMM()
			g.VBROADCASTI64X4(g.rows.at(r, 128+32*half), bits)
			g.VPSRLW(Imm(4), low, second)
			g.VPSRLVW(g.right, bits, top)
			g.VPSLLVW(g.left, bits, bits)
			g.VPANDD(nibble, low, low)
			g.VPANDD(nibble, second, second)
			g.VPTERNLOGD(Imm(0xf8), high, bits, low) // or the high bits
			g.VPTERNLOGD(Imm(0xf8), high, top, second)
			for i, codes := range []reg.VecVirtual{low, second} {
				s := g.load(Mem{Base: g.side, Disp: 128*half + 64*i})
				g.VPDPBUSD(Mem{Base: g.x, Disp: 128*half + 64*i}, codes, s)
				sums[i][r] = s
			}
		}
		sum := g.joinHalves(g.scaleRows(sums[0], scales, 2*half), g.scaleRows(sums[1], scales, 2*half+1))
		g.VCVTDQ2PS(sum, sum)
		for b, s := range g.lanes(sum) {
			t := g.XMM()
			g.VMULPS_BCST(Mem{Base: g.meta, Disp: (4*half + b) * metaSize}, d, t)
			g.VFMADD231PS(t, s, g.acc)
		}
	}
}

// scaleRows is joinRows with each lane, a group of 16 columns, times its scale.
func (g *superGemv) scaleRows(v [4]reg.VecVirtual, scales [2]reg.VecVirtual, n int) reg.VecVirtual {
	a, b := g.pack(v[0], v[1]), g.pack(v[2], v[3])
	index := g.load(g.group[n])
	for p, w := range []reg.VecVirtual{a, b} {
		s := g.ZMM()
		g.VPERMW(scales[p], index, s)
		g.VPMADDWD(s, w, w)
	}
	s := g.ZMM()
	g.VSHUFPS(Imm(0x88), b, a, s)
	g.VSHUFPS(Imm(0xdd), b, a, a)
	g.VPADDD(a, s, s)
	return s
}
