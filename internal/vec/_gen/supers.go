package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// superKernels multiply one vector with rows of k-quants, 4 at a time, as they
// stand in the file, like gemv. The sums of 4 products fit words:
// joining two rows at a time brings the rows side by side, so that a super-block
// gives 32 sums, [block][row].
func superKernels(a *asm) {
	g := &superGemv{asm: a}
	g.constants()
	g.spreadQ4()
	g.spreadQ6()
	g.kernel("gemvQ4_K", 144, []*Op{&g.nibble, &g.ones}, g.q4, g.endQ4)
	inRegisters := []*Op{&g.nibble, &g.high}
	if a.wide() {
		inRegisters = []*Op{&g.nibble, &g.high, &g.left, &g.right, &g.group[0], &g.group[1], &g.group[2], &g.group[3]}
	}
	g.kernel("gemvQ6_K", 210, inRegisters, g.q6, func() {})
	for tokens := 1; tokens <= minsTokens; tokens++ {
		a.tileMins(tokens)
	}
}

// sideBytes is the size of what spreadQ4_K and spreadQ6_K write for a super-block.
const sideBytes = 256

type superGemv struct {
	*asm
	rows      *table // of the 4
	x, meta   reg.Register
	side      reg.Register
	acc, mins reg.VecVirtual

	order []int                // the blocks of two registers of sums of q4_k, by lane
	raw   [4][2]reg.VecVirtual // q6_k, AVX-512: the codes of half a super-block of each row

	nibble, ones                   Op
	six, top, count, bring, halves Mem   // q4_k
	pick                           []Mem // q4_k: some of the four 6-bit values of each dword, by lane
	high, left, right              Op    // q6_k
	group                          [4]Op // q6_k: the scales of a register of codes
	deltas, evens                  Mem   // AVX2
}

func (g *superGemv) constants() {
	g.nibble, g.ones = g.constant("superNibble", 0x0f0f0f0f), g.constant("superOnes", 0x00010001)
	g.six, g.high = g.constant("superSix", 0x3f3f3f3f), g.constant("superHigh", 0x30303030)
	if !g.wide() {
		g.narrowConstants()
		return
	}
	// A register of codes of q4_k has two pairs of blocks, of which the first of
	// each is in the low halves of the bytes.
	g.order = []int{0, 2, 1, 3}
	g.top = g.constant("superTop", 0xf0f0f0f0)
	g.count = g.words("superCount", func(i int) uint32 { return []uint32{0, 0, 4, 0}[i%4] })
	// Lanes: the first four scales of the 4 rows, the last, the first minimums, the last.
	g.bring = g.words("superBring", func(i int) uint32 { return uint32(4*(i%4) + 1 + i/8 + i/4%2*16) })
	g.halves = g.words("superHalves", func(i int) uint32 {
		first := uint32(2*i%4*8 + i/8)
		return first | (first+8)<<16
	})
	g.pick = g.picks()
	g.left = g.words("superLeft", func(i int) uint32 { return []uint32{4, 2}[i/8] * 0x10001 })
	g.right = g.words("superRight", func(i int) uint32 { return []uint32{0, 2}[i/8] * 0x10001 })
	for n := range g.group {
		g.group[n] = g.words(fmt.Sprintf("superGroup%d", n), func(i int) uint32 {
			return uint32(4*n+i/4+i/2%2*16) * 0x10001
		})
	}
}

// narrowConstants are those of registers of two lanes, of which neither can be
// filled from the other.
func (g *superGemv) narrowConstants() {
	g.order = []int{0, 1}
	g.pick = g.picks()
	g.deltas = g.words("superDeltas", func(i int) uint32 { return []uint32{0x05040100, 0x0d0c0908, 0x07060302, 0x0f0e0b0a}[i%4] })
	g.evens = g.words("superEvens", func(i int) uint32 { return []uint32{0x06040200, 0x0e0c0a08, 0x07050301, 0x0f0d0b09}[i%4] })
	for n := range g.group {
		g.group[n] = g.words(fmt.Sprintf("superGroup%d", n), func(i int) uint32 {
			first := uint32(4*n + i%4/2*2)
			return (first | (first+1)<<8) * 0x10001
		})
	}
}

// picks are the indices of the blocks' bytes in dwords that hold four, as many
// blocks as there are lanes at a time.
func (g *superGemv) picks() []Mem {
	var m []Mem
	for first := 0; first < 4; first += len(g.order) {
		m = append(m, g.words(fmt.Sprintf("superPick%d", first), func(i int) uint32 {
			return 0x80808000 | uint32(i%4*4+first+g.order[i/4])
		}))
	}
	return m
}

// spreadQ4 writes the function that prepares the scales of a vector.
func (g *superGemv) spreadQ4() {
	inverse := g.constant("spreadInverse", 0xbc000000) // -1/128
	g.fn("spreadQ4_K", "func(side *byte, meta *byte, supers int)",
		"Writes the scales of each super-block's 8 blocks, four times each, in the order of gemvQ4_K, then those times the sums of the codes.")
	side, meta, supers := g.arg("side"), g.arg("meta"), g.arg("supers")
	g.Label("super")
	for i := range 8 {
		b := i/len(g.order)*len(g.order) + g.order[i%len(g.order)]
		scale, sum := g.XMM(), g.XMM()
		g.VBROADCASTSS(Mem{Base: meta, Disp: metaSize * b}, scale)
		g.VPBROADCASTD(Mem{Base: meta, Disp: metaSize*b + 4}, sum)
		g.VCVTDQ2PS(sum, sum)
		g.VMULPS(inverse, sum, sum)
		g.VMULPS(scale, sum, sum)
		g.VMOVUPS(scale, Mem{Base: side, Disp: 16 * i})
		g.VMOVUPS(sum, Mem{Base: side, Disp: 16 * (8 + i)})
	}
	g.ADDQ(imm(8*metaSize), meta)
	g.ADDQ(imm(sideBytes), side)
	g.DECQ(supers)
	g.JNZ(LabelRef("super"))
	g.ret()
}

// spreadQ6 writes the function that prepares what q6_k's codes, which are plus
// 32, add too much: dwords, as dot returns them; for AVX2 words, as join does.
func (g *superGemv) spreadQ6() {
	thirtyTwo := g.constant("spreadCode", 0x20202020)
	g.fn("spreadQ6_K", "func(side *byte, codes *int8, supers int)", "Writes minus 32 times the sums of fours of codes.")
	side, codes, supers := g.arg("side"), g.arg("codes"), g.arg("supers")
	zero := g.vec()
	g.zero(zero)
	g.Label("super")
	for at := 0; at < 256; at += 4 * g.lanes {
		s := g.dot(g.load(thirtyTwo), g.load(Mem{Base: codes, Disp: at}))
		if g.wide() {
			g.VPSUBD(s, zero, s)
		} else {
			g.VPSUBW(g.join(s, s), zero, s)
		}
		g.store(s, Mem{Base: side, Disp: at})
	}
	g.ADDQ(imm(256), codes)
	g.ADDQ(imm(sideBytes), side)
	g.DECQ(supers)
	g.JNZ(LabelRef("super"))
	g.ret()
}

// kernel writes a function for super-blocks of size bytes, with some constants in
// registers.
func (g *superGemv) kernel(name string, size int, inRegisters []*Op, body, end func()) {
	saved := *g
	defer func() { *g = saved }()
	g.fn(name, "func(dst *float32, ld int, w *byte, far, stride int, codes *int8, meta, side *byte, supers, count int)",
		"dst[r*ld+j] = x·row(r, j), r < 4, j < count, which begins at w[r*far+j*stride]; side is x as spread.")
	dst, ld, w, far := g.arg("dst"), g.arg("ld"), g.arg("w"), g.arg("far")
	out := g.table(dst, ld, 4, 4, g.times(ld, 3))
	g.rows = g.table(w, far, 1, 4, g.times(far, 3))

	for _, c := range inRegisters {
		*c = g.load((*c).(Mem))
	}

	g.Label("row")
	g.x, g.meta, g.side = g.arg("codes"), g.arg("meta"), g.arg("side")
	begin, left := g.copyOf(g.rows.bases[0]), g.arg("supers")
	g.acc, g.mins = g.XMM(), g.vec()
	g.VXORPS(g.acc, g.acc, g.acc)
	g.zero(g.mins)
	g.Label("super")
	body()
	g.rows.fetchRows(g.asm, size)
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

// dot returns the products of unsigned codes with x: added by fours, in dwords;
// for AVX2 by pairs, in words, as codes are below 128.
func (g *superGemv) dot(codes reg.VecVirtual, x Op) reg.VecVirtual {
	if !g.wide() {
		g.VPMADDUBSW(x, codes, codes)
		return codes
	}
	s := g.vec()
	g.VPXORD(s, s, s)
	g.VPDPBUSD(x, codes, s)
	return s
}

// join puts the sums of two rows side by side in each lane, four words each. They
// fit words: dwords are packed; of the words of AVX2 those 8 columns apart are
// added, by which its multipliers have a third of the work.
func (g *superGemv) join(a, b reg.VecVirtual) reg.VecVirtual {
	if g.wide() {
		g.VPACKSSDW(b, a, a)
		return a
	}
	return g.addHalves(a, b, g.VPADDW)
}

func (g *superGemv) q4() {
	scales := g.scalesQ4()
	for n, scale := range scales {
		low, high := g.pairsOfX(n)
		var lows, highs [2]reg.VecVirtual // of two rows
		for p := range 2 {
			var l, h [2]reg.VecVirtual
			for i := range 2 {
				w, top := g.load(g.rows.at(2*p+i, 16+4*g.lanes*n)), g.vec()
				g.VPSRLW(Imm(4), w, top)
				g.and(g.nibble, w, w)
				g.and(g.nibble, top, top)
				l[i], h[i] = g.dot(w, low), g.dot(top, high)
			}
			lows[p], highs[p] = g.join(l[0], l[1]), g.join(h[0], h[1])
		}
		sum := g.sumsQ4(lows, highs)
		g.VCVTDQ2PS(sum, sum)
		s, d := g.quarters(sum), g.quarters(scale)
		for b := range s {
			g.VFMADD231PS(d[g.order[b]], s[g.order[b]], g.acc)
		}
	}
}

// pairsOfX loads the activations of register n of codes: of the low halves, and
// of the high ones.
func (g *superGemv) pairsOfX(n int) (low, high reg.VecVirtual) {
	first, second := g.load(Mem{Base: g.x, Disp: 8 * g.lanes * n}), g.load(Mem{Base: g.x, Disp: 8*g.lanes*n + 4*g.lanes})
	if !g.wide() {
		return first, second
	}
	low, high = g.vec(), g.vec()
	g.VSHUFI64X2(Imm(0x44), second, first, low)
	g.VSHUFI64X2(Imm(0xee), second, first, high)
	return low, high
}

// sumsQ4 returns the sums of the four rows, [block][row]. The sums of 16 products
// of codes fit words.
func (g *superGemv) sumsQ4(lows, highs [2]reg.VecVirtual) reg.VecVirtual {
	if !g.wide() {
		low, high := g.interleave(lows[0], lows[1], g.VPADDW), g.interleave(highs[0], highs[1], g.VPADDW)
		s := g.joinHalves(low, high, g.VPADDW)
		g.VPMADDWD(g.ones, s, s)
		return s
	}
	var halves [2]reg.VecVirtual
	for i, v := range [][2]reg.VecVirtual{lows, highs} {
		g.VPMADDWD(g.ones, v[0], v[0])
		g.VPMADDWD(g.ones, v[1], v[1])
		halves[i] = g.join(v[0], v[1])
		g.VPMADDWD(g.ones, halves[i], halves[i])
	}
	return g.joinHalves(halves[0], halves[1], g.VPADDD)
}

// scalesQ4 returns the scales of the super-block for each register of codes, the
// vector's included, and adds the minimums times the vector's sums to mins.
func (g *superGemv) scalesQ4() []reg.VecVirtual {
	// A lane each: the first four scales of the 4 rows, the last, the first minimums, the last.
	packed, d, dmin := g.packedQ4()
	var scales []reg.VecVirtual
	for i, p := range packed {
		for n, pick := range g.pick {
			v, at := g.vec(), Mem{Base: g.side, Disp: i%2*64 + 4*g.lanes*n}
			g.VPSHUFB(pick, p, v)
			g.VCVTDQ2PS(v, v)
			if i < 2 {
				g.VMULPS(d, v, v)
				g.VMULPS(at, v, v)
				scales = append(scales, v)
			} else {
				at.Disp += 128
				g.VMULPS(dmin, v, v)
				g.VFMADD231PS(at, v, g.mins)
			}
		}
	}
	return scales
}

// packedQ4 returns the 6-bit scales and minimums of the 4 rows, a dword for four
// of a row, the same in all lanes, and what they are units of.
func (g *superGemv) packedQ4() (packed [4]reg.VecVirtual, d, dmin reg.VecVirtual) {
	if !g.wide() {
		return g.narrowQ4()
	}
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
	for i := range packed {
		packed[i] = g.ZMM()
		g.VSHUFI32X4(Imm(uint64(i*0x55)), all, all, packed[i])
	}
	d, dmin = g.ZMM(), g.ZMM()
	g.VPERMW(h, g.load(g.halves), d)
	g.VEXTRACTI64X4(Imm(1), d, dmin.AsY())
	g.VCVTPH2PS(d.AsY(), d)
	g.VCVTPH2PS(dmin.AsY(), dmin)
	return packed, d, dmin
}

// narrowQ4 transposes what the rows begin with, and unpacks it then.
func (g *superGemv) narrowQ4() (packed [4]reg.VecVirtual, d, dmin reg.VecVirtual) {
	var v [4]reg.VecVirtual
	for r := range v {
		v[r] = g.YMM()
		g.VBROADCASTI128(g.rows.at(r, 0), v[r])
	}
	t := g.unpack(v[:], 1, g.VPUNPCKLDQ, g.VPUNPCKHDQ)
	t = g.unpack(t, 2, g.VPUNPCKLQDQ, g.VPUNPCKHQDQ)
	for i, rest := range []uint64{0, 4} {
		// See scaleMin: the first four have the high bits of the others.
		first, last, low := t[1+i], g.YMM(), g.YMM()
		g.VPSRLW(Imm(2), first, last)
		g.VPAND(g.high, last, last)
		g.VPSRLW(Imm(rest), t[3], low)
		g.VPAND(g.nibble, low, low)
		g.VPOR(low, last, last)
		g.VPAND(g.six, first, first)
		packed[2*i], packed[2*i+1] = first, last
	}
	both := g.YMM()
	g.VPSHUFB(g.deltas, t[0], t[0])
	g.VCVTPH2PS(t[0].AsX(), both)
	d, dmin = g.YMM(), g.YMM()
	g.VPERM2F128(Imm(0x00), both, both, d)
	g.VPERM2F128(Imm(0x11), both, both, dmin)
	return packed, d, dmin
}

// endQ4 takes off the minimums.
func (g *superGemv) endQ4() {
	m := g.quarters(g.mins)
	for b := 1; b < len(m); b++ {
		g.VADDPS(m[g.order[b]], m[0], m[0])
	}
	g.VSUBPS(m[0], g.acc, g.acc)
}

func (g *superGemv) q6() {
	scales := g.scalesQ6()
	d := g.XMM()
	g.VPXOR(d, d, d)
	for r := range 4 {
		g.VPINSRW(Imm(uint64(r)), g.rows.at(r, 208), d, d)
	}
	g.VCVTPH2PS(d, d)
	at := 0 // of the columns
	for half := range 2 {
		words := g.wordsQ6(half, scales)
		for n := 0; n < 32/g.lanes; n += 2 {
			var sums [2]reg.VecVirtual
			for i := range sums {
				sums[i] = g.groupQ6(half, n+i, words)
			}
			sum := g.joinHalves(sums[0], sums[1], g.VPADDD)
			g.VCVTDQ2PS(sum, sum)
			for _, s := range g.quarters(sum) {
				t := g.XMM()
				g.VBROADCASTSS(Mem{Base: g.meta, Disp: at / 32 * metaSize}, t)
				g.VMULPS(d, t, t)
				g.VFMADD231PS(t, s, g.acc)
				at += 32
			}
		}
	}
}

// groupQ6 returns the sums of register n of codes of a half of each row, times
// their scales: a lane has 16 columns of the 4 rows.
func (g *superGemv) groupQ6(half, n int, scales [2]reg.VecVirtual) reg.VecVirtual {
	at := 128*half + 4*g.lanes*n
	var x Op = Mem{Base: g.x, Disp: at}
	if !g.wide() {
		x = g.load(x.(Mem))
	}
	var words [2]reg.VecVirtual // of two rows
	for p := range words {
		var s [2]reg.VecVirtual
		for i := range s {
			codes := g.codesQ6(2*p+i, half, n)
			if g.wide() {
				s[i] = g.load(Mem{Base: g.side, Disp: at})
				g.VPDPBUSD(x, codes, s[i])
			} else {
				s[i] = g.dot(codes, x)
			}
		}
		w, scale := g.join(s[0], s[1]), g.vec()
		if g.wide() {
			g.VPERMW(scales[p], g.group[2*half+n], scale)
		} else {
			g.VPADDW(Mem{Base: g.side, Disp: at}, w, w)
			g.VPSHUFB(g.group[n], scales[p], scale)
		}
		g.VPMADDWD(scale, w, w)
		words[p] = w
	}
	return g.interleave(words[0], words[1], g.VPADDD)
}

// codesQ6 returns register n of codes of a half of row r.
func (g *superGemv) codesQ6(r, half, n int) reg.VecVirtual {
	if g.wide() {
		return g.wideCodesQ6(r, half, n)
	}
	low, top := g.load(g.rows.at(r, 64*half+n%2*32)), g.load(g.rows.at(r, 128+32*half))
	if n >= 2 {
		g.VPSRLW(Imm(4), low, low)
	}
	switch n {
	case 0, 1:
		g.VPSLLW(Imm(uint64(4-2*n)), top, top)
	case 3:
		g.VPSRLW(Imm(2), top, top)
	}
	g.VPAND(g.nibble, low, low)
	g.VPAND(g.high, top, top)
	g.VPOR(top, low, low)
	return low
}

// wideCodesQ6 keeps the bytes that the first register of codes and the second share.
func (g *superGemv) wideCodesQ6(r, half, n int) reg.VecVirtual {
	low, top := g.ZMM(), g.ZMM()
	if n == 0 {
		bits := g.ZMM()
		g.VBROADCASTI64X4(g.rows.at(r, 128+32*half), bits)
		g.raw[r] = [2]reg.VecVirtual{g.load(g.rows.at(r, 64*half)), bits}
		g.VPSLLVW(g.left, bits, top)
		g.VPANDD(g.nibble, g.raw[r][0], low)
	} else {
		g.VPSRLW(Imm(4), g.raw[r][0], low)
		g.VPSRLVW(g.right, g.raw[r][1], top)
		g.VPANDD(g.nibble, low, low)
	}
	g.VPTERNLOGD(Imm(0xf8), g.high, top, low) // or the high bits
	return low
}

// scalesQ6 returns the scales of two rows each: as words, row after row; for AVX2
// as bytes, the rows alternating, even groups in the first lane and odd ones in
// the second.
func (g *superGemv) scalesQ6() (scales [2]reg.VecVirtual) {
	for p := range scales {
		s := g.vec()
		if g.wide() {
			g.VMOVDQU(g.rows.at(2*p, 192), s.AsX())
			g.VINSERTI128(Imm(1), g.rows.at(2*p+1, 192), s.AsY(), s.AsY())
			g.VPMOVSXBW(s.AsY(), s)
		} else {
			var r [2]reg.VecVirtual
			for i := range r {
				r[i] = g.XMM()
				g.VMOVDQU(g.rows.at(2*p+i, 192), r[i])
				g.VPSHUFB(g.evens, r[i], r[i])
			}
			g.VPUNPCKLBW(r[1], r[0], s.AsX())
			g.VPUNPCKHBW(r[1], r[0], r[0])
			g.VINSERTI128(Imm(1), r[0], s, s)
		}
		scales[p] = s
	}
	return scales
}

// wordsQ6 returns what groupQ6 picks scales of a half from.
func (g *superGemv) wordsQ6(half int, scales [2]reg.VecVirtual) [2]reg.VecVirtual {
	if g.wide() {
		return scales
	}
	var words [2]reg.VecVirtual
	zero := g.YMM()
	g.zero(zero)
	for p, s := range scales {
		w := g.YMM()
		if half == 0 {
			g.VPUNPCKLBW(s, zero, w)
		} else {
			g.VPUNPCKHBW(s, zero, w)
		}
		g.VPSRAW(Imm(8), w, w)
		words[p] = w
	}
	return words
}
