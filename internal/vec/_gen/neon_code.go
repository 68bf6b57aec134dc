package main

import "fmt"

// This file has what the kernels for arm64 are put together from.

func (a *neon) copyOf(x r) r {
	c := a.r()
	a.op("MOVD", x, c)
	return c
}

// advance adds a constant.
func (a *neon) advance(x r, n int) { a.op("ADD", fmt.Sprint("$", n), x) }

// advanceTo sets d to x plus a constant.
func (a *neon) advanceTo(d, x r, n int) { a.op("ADD", fmt.Sprint("$", n), x, d) }

// step adds y times 2^shift to x.
func (a *neon) step(x, y r, shift int) {
	if shift == 0 {
		a.op("ADD", y, x)
		return
	}
	a.op("ADD", fmt.Sprintf("%v<<%d", y, shift), x)
}

// steps adds n × y × 2^shift to x, for an n of few bits.
func (a *neon) steps(x, y r, shift, n int) {
	for bit := 0; n>>bit > 0; bit++ {
		if n>>bit&1 == 1 {
			a.step(x, y, shift+bit)
		}
	}
}

// pointers returns n pointers that are y × 2^shift apart, the first to x + off.
func (a *neon) pointers(x, y r, shift, off, n int) []r {
	p := make([]r, n)
	for i := range p {
		p[i] = a.r()
		if i == 0 {
			a.advanceTo(p[i], x, off)
		} else if shift == 0 {
			a.op("ADD", y, p[i-1], p[i])
		} else {
			a.op("ADD", fmt.Sprintf("%v<<%d", y, shift), p[i-1], p[i])
		}
	}
	return p
}

// while runs body as long as left is at least n, and takes n off after each run.
func (a *neon) while(name string, left r, n int, body func()) {
	end := name + "End"
	a.place(name)
	a.op("CMP", fmt.Sprint("$", n), left)
	a.op("BLT", end)
	a.scope(body)
	a.op("SUB", fmt.Sprint("$", n), left)
	a.op("B", name)
	a.place(end)
}

// times runs body left/n times, at least once; left is a multiple of n.
func (a *neon) times(name string, left r, n int, body func()) {
	a.place(name)
	a.scope(body)
	a.op("SUBS", fmt.Sprint("$", n), left, left)
	a.op("BGT", name)
}

// prefetch asks for the next bytes at an address and moves it on.
func (a *neon) prefetch(at r, bytes int) {
	for off := 0; off < bytes; off += 64 {
		a.op("PRFM", at.at(off), "PLDL1KEEP")
	}
	a.advance(at, bytes)
}

// constant returns a register with a copy of a word in each lane.
func (a *neon) constant(bits uint32) v {
	x := a.v()
	a.scope(func() {
		word := a.r()
		a.op("MOVD", fmt.Sprintf("$0x%08x", bits), word)
		a.op("VDUP", word, x.s4())
	})
	return x
}

// bytes returns a register with 16 bytes.
func (a *neon) bytes(low, high uint64) v {
	x := a.v()
	a.scope(func() {
		word := a.r()
		for half, bits := range []uint64{low, high} {
			a.op("MOVD", fmt.Sprintf("$0x%016x", bits), word)
			a.op("VMOV", word, fmt.Sprintf("V%d.D[%d]", x, half))
		}
	})
	return x
}

// number returns a register with a small number.
func (a *neon) number(n int) r {
	x := a.r()
	a.op("MOVD", fmt.Sprint("$", n), x)
	return x
}

// pair is two registers as an operand of loads and stores.
func pair(x []v) string { return fmt.Sprintf("(%s, %s)", x[0].f(), x[1].f()) }

func (a *neon) move(d, n v) { a.op("VMOV", n.b16(), d.b16()) }

func (a *neon) zero(xs ...v) {
	for _, x := range xs {
		a.op("VMOVI", "$0", x.b16())
	}
}

// convert loads 4 or 8 elements as float32; p moves on behind them.
func (a *neon) convert(f format, p r, d ...v) {
	last := d[len(d)-1]
	size := f.size * 4 * len(d)
	load := map[int]string{4: "FMOVS.P", 8: "FMOVD.P", 16: "FMOVQ.P"}[size]
	if size == 32 {
		a.op("FLDPQ.P", p.at(32), pair(d))
		return
	}
	a.op(load, p.at(size), last.f())
	switch f.name {
	case "F16":
		a.fcvtl(d[0], last)
		if len(d) > 1 {
			a.fcvtlHigh(last, last)
		}
	case "BF16":
		a.shll16(d[0], last)
		if len(d) > 1 {
			a.shll16High(last, last)
		}
	case "I8":
		a.sxtlB(last, last)
		a.sxtlH(d[0], last)
		if len(d) > 1 {
			a.sxtlHHigh(last, last)
		}
		for _, x := range d {
			a.scvtf(x, x)
		}
	}
}

// dup copies a lane of n to all of d.
func (a *neon) dup(d, n v, lane int) { a.op("VDUP", n.s(lane), d.s4()) }
