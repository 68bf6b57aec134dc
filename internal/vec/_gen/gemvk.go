package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// superGemvKernels multiply one vector with 4 rows of k-quants at a time, as
// wideGemvKernels do. Of a super-block they add the products of the codes, a
// lane of the four rows' sums per scale, in turn to four chains; its minimums
// they write down, for a product of their own.
func superGemvKernels(a *asm) {
	g := &superGemv{wideGemv: &wideGemv{asm: a}}
	g.kernel("gemvQ4_K", 144, 8, g.q4Constants(), g.q4)
	g.kernel("gemvQ6_K", 210, 16, g.q6Constants(), g.q6)
}

// fetchAhead is the distance in bytes of what is asked for: the processor does not
// foresee enough of the rows while it is busy with their sums.
const fetchAhead = 1536

type superGemv struct {
	*wideGemv
	mins *table // of the 4 rows
	acc  reg.Register
	c    map[string]Mem
}

// kernel writes a function for super-blocks of size bytes with as many groups,
// the values that share a scale.
func (g *superGemv) kernel(name string, size, groups int, constants map[string]Mem, body func()) {
	g.c = constants
	g.fn(name, "func(dst *float32, ld int, mins *float32, apart int, w *byte, far, stride int, codes *int8, meta *byte, supers, count int)",
		"dst[r*ld+j] = codes·row(r, j), r < 4, j < count, which begins at w[r*far+j*stride]. The minimums of rows go to mins[r*apart:], j after j.")
	far, apart := g.arg("far"), g.arg("apart")
	g.rows = g.table(g.arg("w"), far, 1, 4, g.times(far, 3))
	g.mins = g.table(g.arg("mins"), apart, 4, 4, g.times(apart, 3))
	lanes := g.GP32()
	for i, k := range []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4} {
		g.MOVL(U32([]uint32{0x00f0, 0x0f00, 0xf000, 0xff00}[i]), lanes)
		g.KMOVW(lanes, k)
	}

	g.Label("row")
	g.x, g.meta = g.arg("codes"), g.arg("meta")
	begin := g.copyOf(g.rows.bases[0])
	g.acc = g.XMM()
	g.VXORPS(g.acc, g.acc, g.acc)
	left := g.arg("supers")
	g.Label("super")
	body()
	g.fetch(size)
	g.advance(g.rows, size)
	g.advance(g.mins, 4*groups)
	g.ADDQ(imm(256), g.x)
	g.ADDQ(imm(8*metaSize), g.meta)
	g.DECQ(left)
	g.JNZ(LabelRef("super"))

	ld, dst := g.arg("ld"), g.mem("dst")
	out := g.table(g.loaded(dst), ld, 4, 4, g.times(ld, 3))
	g.VMOVSS(g.acc, out.at(0, 0))
	for r := 1; r < 4; r++ {
		g.VEXTRACTPS(Imm(uint64(r)), g.acc, out.at(r, 0))
	}
	g.ADDQ(Imm(4), dst)
	g.MOVQ(begin, g.rows.bases[0])
	g.ADDQ(g.mem("stride"), g.rows.bases[0])
	g.DECQ(g.mem("count"))
	g.JNZ(LabelRef("row"))
	g.ret()
}

// fetch asks for a super-block of each row, fetchAhead further.
func (g *superGemv) fetch(size int) {
	for r := range 4 {
		for at := 0; at < size; at += 64 {
			g.PREFETCHT0(g.rows.at(r, fetchAhead+at))
		}
	}
}

// fourLanes loads 16 bytes of each row into a lane.
func (g *superGemv) fourLanes(disp int) reg.VecVirtual {
	v := g.ZMM()
	g.VMOVDQU32(g.rows.at(0, disp), v.AsX())
	for r := 1; r < 4; r++ {
		g.VINSERTI32X4(Imm(uint64(r)), g.rows.at(r, disp), v, v)
	}
	return v
}

// floats converts the bytes of lane k, which lie between, to scales of lane k.
func (g *superGemv) floats(v reg.VecVirtual, k int, widen func(...Op)) reg.VecVirtual {
	x, z := v.AsX(), g.ZMM()
	if k > 0 {
		x = g.XMM()
		g.VEXTRACTI32X4(Imm(uint64(k)), v, x)
	}
	widen(x, z)
	g.VCVTDQ2PS(z, z)
	return z
}

// rowSums turns the products of 4 rows into the rows' sums of each lane.
func (g *superGemv) rowSums(s [4]reg.VecVirtual) reg.VecVirtual {
	even, odd := g.fold(s[0], s[1], g.VPUNPCKLDQ, g.VPUNPCKHDQ), g.fold(s[2], s[3], g.VPUNPCKLDQ, g.VPUNPCKHDQ)
	sum := g.fold(even, odd, g.VPUNPCKLQDQ, g.VPUNPCKHQDQ)
	g.VCVTDQ2PS(sum, sum)
	return sum
}

// metaScale is the scale of block b of the activations.
func (g *superGemv) metaScale(b int) Mem { return Mem{Base: g.meta, Disp: b * metaSize} }

// chain adds lane after lane of a sum, times its scale, to the rows' sums; with
// two sums, their lanes alternate.
func (g *superGemv) chain(sums, scales []reg.VecVirtual) {
	for k := range 4 {
		for i := range sums {
			sum, scale := sums[i].AsX(), scales[i].AsX()
			if k > 0 {
				sum, scale = g.XMM(), g.XMM()
				g.VEXTRACTF32X4(Imm(uint64(k)), sums[i], sum)
				g.VEXTRACTF32X4(Imm(uint64(k)), scales[i], scale)
			}
			g.VFMADD231PS(scale, sum, g.acc)
		}
	}
}

// bytes is a constant of 64 bytes.
func (g *superGemv) bytes(name string, b func(i int) int) Mem {
	return g.words(name, func(i int) (w uint32) {
		for k := range 4 {
			w |= uint32(b(4*i+k)) << (8 * k)
		}
		return w
	})
}

// pick is the instruction that takes bits of the first source where the mask,
// its last one, has ones, else of the second.
const pick = 0xe4

func (g *superGemv) q4Constants() map[string]Mem {
	return map[string]Mem{
		"nibble": g.constant("superNibble", 0x0f0f0f0f),
		"six":    g.constant("superSix", 0x3f3f3f3f),
		// A lane is four of scales, of others' low bits, of minimums, of others' low bits.
		"fours": g.words("superFours", func(i int) uint32 { return uint32(i%4/3) * 4 }),
		"low":   g.words("superLow", func(i int) uint32 { return []uint32{0x3f3f3f3f, 0x0f0f0f0f}[i%2] }),
		"even": g.bytes("superEven", func(i int) int {
			return []int{0, 2, 4, 6, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15}[i%16]
		}),
		// The even scales of the 4 rows, the odd ones, the minimums of two rows, and of the others.
		"gather": g.words("superGather", func(i int) uint32 {
			return []uint32{0, 4, 8, 12, 1, 5, 9, 13, 2, 3, 6, 7, 10, 11, 14, 15}[i]
		}),
		"turn": g.bytes("superTurn", func(i int) int {
			if i < 32 {
				return i%4*4 + i%16/4
			}
			return i % 16
		}),
		"firsts": g.words("superFirsts", func(i int) uint32 { return uint32(4 * i % 16) }),
		"halves": g.bytes("superHalves", func(i int) int {
			return []int{0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15}[i%16]
		}),
		"mins0": g.words("superMins0", func(i int) uint32 { return uint32(4 + i/8) }),
		"mins1": g.words("superMins1", func(i int) uint32 { return uint32(6 + i/8) }),
	}
}

func (g *superGemv) q4() {
	sums := g.q4Sums()
	head := g.fourLanes(0)
	d := g.q4Halves(head)
	packed := g.q4Scales(head)
	scales := []reg.VecVirtual{g.floats(packed, 0, g.VPMOVZXBD), g.floats(packed, 1, g.VPMOVZXBD)}
	for i, index := range []string{"mins0", "mins1"} {
		m, by := g.floats(packed, 2+i, g.VPMOVZXBD), g.load(g.c[index])
		g.VPERMPS(d, by, by)
		g.VMULPS(by, m, m)
		g.VMOVUPS(m.AsY(), g.mins.at(2*i, 0))
		g.VEXTRACTF64X4(Imm(1), m, g.mins.at(2*i+1, 0))
	}
	of := g.ZMM()
	g.VSHUFF32X4(Imm(0), d, d, of)
	for i, scale := range scales {
		g.VMULPS(of, scale, scale)
		by := g.ZMM()
		g.VBROADCASTSS(g.metaScale(i), by)
		for k, mask := range []reg.Register{reg.K1, reg.K2, reg.K3} {
			g.VBROADCASTSS(g.metaScale(i+2*(k+1)), mask, by)
		}
		g.VMULPS(by, scale, scale)
	}
	g.chain(sums, scales)
}

// q4Halves returns d of the four rows, then dmin.
func (g *superGemv) q4Halves(head reg.VecVirtual) reg.VecVirtual {
	d := g.load(g.c["firsts"])
	g.VPERMD(head, d, d)
	g.VPSHUFB(g.c["halves"], d.AsX(), d.AsX())
	g.VCVTPH2PS(d.AsX(), d.AsY())
	return d
}

// q4Scales returns, as bytes, the scales of the even blocks, [block][row], of the
// odd ones, and the minimums, [row][block] (see scaleMin).
func (g *superGemv) q4Scales(head reg.VecVirtual) reg.VecVirtual {
	low, high := g.ZMM(), g.ZMM()
	g.VPSHUFD(Imm(1|3<<2|2<<4|3<<6), head, low)
	g.VPSRLVD(g.c["fours"], low, low)
	g.VPSHUFD(Imm(1|1<<2|2<<4|2<<6), head, high)
	g.VPSRLD(Imm(2), high, high)
	g.VPTERNLOGD(U8(pick), g.c["low"], high, low)
	g.VPANDD(g.c["six"], low, low)
	g.VPSHUFB(g.c["even"], low, low)
	g.VPERMD(low, g.load(g.c["gather"]), low)
	g.VPSHUFB(g.c["turn"], low, low)
	return low
}

// q4Sums returns the sums of blocks 0, 2, 4, 6 and 1, 3, 5, 7. A row's 128 bytes
// are brought into the order that the even blocks' codes have in the lanes.
func (g *superGemv) q4Sums() []reg.VecVirtual {
	x := g.q4Codes()
	nibble := g.load(g.c["nibble"])
	var even, odd [4]reg.VecVirtual
	for r := range 4 {
		a, b := g.ZMM(), g.ZMM()
		g.VMOVDQU32(g.rows.at(r, 16), a)
		g.VMOVDQU32(g.rows.at(r, 80), b)
		even[r], odd[r] = g.ZMM(), g.ZMM()
		g.VPXORD(even[r], even[r], even[r])
		g.VPXORD(odd[r], odd[r], odd[r])
		for half, lanes := range []uint64{0x88, 0xdd} {
			low, high := g.ZMM(), g.ZMM()
			g.VSHUFI32X4(Imm(lanes), b, a, low)
			g.VPSRLW(Imm(4), low, high)
			g.VPANDD(nibble, low, low)
			g.VPANDD(nibble, high, high)
			g.VPDPBUSD(x[half][0], low, even[r])
			g.VPDPBUSD(x[half][1], high, odd[r])
		}
	}
	return []reg.VecVirtual{g.rowSums(even), g.rowSums(odd)}
}

// q4Codes returns, of the first and the second halves of blocks, the codes of
// the even blocks and of the odd ones.
func (g *superGemv) q4Codes() (x [2][2]reg.VecVirtual) {
	var all [4]reg.VecVirtual
	for i := range all {
		all[i] = g.ZMM()
		g.VMOVDQU32(Mem{Base: g.x, Disp: 64 * i}, all[i])
	}
	for half, lanes := range []uint64{0x88, 0xdd} {
		first, second := g.ZMM(), g.ZMM()
		g.VSHUFI32X4(Imm(lanes), all[1], all[0], first)
		g.VSHUFI32X4(Imm(lanes), all[3], all[2], second)
		for odd, lanes := range []uint64{0x88, 0xdd} {
			x[half][odd] = g.ZMM()
			g.VSHUFI32X4(Imm(lanes), second, first, x[half][odd])
		}
	}
	return x
}

func (g *superGemv) q6Constants() map[string]Mem {
	return map[string]Mem{
		"nibble": g.constant("superNibble6", 0x0f0f0f0f),
		"six":    g.constant("superSix6", 0x3f3f3f3f),
		// Rotations that bring blocks' high bits to bits 4 and 5.
		"high0":   g.words("superHigh0", func(i int) uint32 { return []uint32{4, 2}[i/8] }),
		"high1":   g.words("superHigh1", func(i int) uint32 { return []uint32{0, 30}[i/8] }),
		"columns": g.words("superColumns", func(i int) uint32 { return uint32(i%4*4 + i/4) }),
		"turn":    g.bytes("superTurn6", func(i int) int { return i%4*4 + i%16/4 }),
		"offset":  g.constant("superOffset", 0x42000000), // 32
	}
}

func (g *superGemv) q6() {
	sums := g.q6Sums()
	d := g.ZMM()
	g.VPXORD(d.AsX(), d.AsX(), d.AsX())
	for r := range 4 {
		g.VPINSRW(Imm(uint64(r)), g.rows.at(r, 208), d.AsX(), d.AsX())
	}
	g.VCVTPH2PS(d.AsX(), d.AsX())
	for r := range 4 {
		m, by := g.ZMM(), g.ZMM()
		g.VPMOVSXBD(g.rows.at(r, 192), m)
		g.VCVTDQ2PS(m, m)
		x := d.AsX()
		if r > 0 {
			x = g.XMM()
			g.VSHUFPS(Imm(uint64(r)), d.AsX(), d.AsX(), x)
		}
		g.VBROADCASTSS(x, by)
		g.VMULPS(by, m, m)
		g.VMULPS(g.c["offset"], m, m)
		g.VMOVUPS(m, g.mins.at(r, 0))
	}
	g.VSHUFF32X4(Imm(0), d, d, d)
	packed := g.fourLanes(192)
	g.VPERMD(packed, g.load(g.c["columns"]), packed)
	g.VPSHUFB(g.c["turn"], packed, packed)
	for t, sum := range sums {
		scale, by := g.floats(packed, t, g.VPMOVSXBD), g.ZMM()
		g.VMULPS(d, scale, scale)
		g.VBROADCASTSS(g.metaScale(2*t), by)
		g.VBROADCASTSS(g.metaScale(2*t+1), reg.K4, by)
		g.VMULPS(by, scale, scale)
		g.chain([]reg.VecVirtual{sum}, []reg.VecVirtual{scale})
	}
}

// q6Sums returns the sums of groups 0 to 3, 4 to 7 and so on.
func (g *superGemv) q6Sums() []reg.VecVirtual {
	nibble, six := g.load(g.c["nibble"]), g.load(g.c["six"])
	var sums []reg.VecVirtual
	for half := range 2 {
		var s [2][4]reg.VecVirtual
		for r := range 4 {
			low, rest, high := g.ZMM(), g.ZMM(), g.ZMM()
			g.VMOVDQU32(g.rows.at(r, 64*half), low)
			g.VPSRLW(Imm(4), low, rest)
			g.VBROADCASTI64X4(g.rows.at(r, 128+32*half), high)
			for part, code := range []reg.VecVirtual{low, rest} {
				top := g.ZMM()
				g.VPROLVD(g.c[[]string{"high0", "high1"}[part]], high, top)
				g.VPTERNLOGD(U8(pick), nibble, top, code)
				g.VPANDD(six, code, code)
				s[part][r] = g.ZMM()
				g.VPXORD(s[part][r], s[part][r], s[part][r])
				g.VPDPBUSD(Mem{Base: g.x, Disp: 128*half + 64*part}, code, s[part][r])
			}
		}
		sums = append(sums, g.rowSums(s[0]), g.rowSums(s[1]))
	}
	return sums
}
