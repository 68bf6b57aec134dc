package main

func neonHalves(a *neon) {
	for _, f := range formats[1:3] {
		args := a.both("decode" + f.name)
		dst, src, n := args[0], args[1], args[2]
		a.times("loop", n, 8, func() {
			x := a.vs(2)
			a.convert(f, src, x...)
			a.op("FSTPQ.P", pair(x), dst.at(32))
		})
		a.ret()
	}
	a.encode("F16", func(d v, x, _ []v) {
		a.fcvtn(d, x[0])
		a.fcvtnHigh(d, x[1])
	})
	// Half an ulp, less one bit where the last bit kept is 0, is added; the upper
	// halves are what is kept.
	a.encode("BF16", func(d v, x, c []v) {
		below, quiet := c[0], c[1]
		for _, y := range x {
			odd, same := a.v(), a.v()
			a.op("VSHL", "$15", y.s4(), odd.s4())
			a.op("VUSHR", "$31", odd.s4(), odd.s4())
			a.op("VADD", y.s4(), odd.s4(), odd.s4())
			a.op("VADD", below.s4(), odd.s4(), odd.s4())
			a.fcmeq(same, y, y)
			a.op("VORR", quiet.b16(), y.b16(), y.b16())
			a.op("VBIT", same.b16(), odd.b16(), y.b16())
		}
		a.op("VUZP2", x[1].h8(), x[0].h8(), d.h8())
	}, 0x7fff, 0x400000)
}

// encode writes a function that rounds 8 values at a time to 16 bits.
func (a *neon) encode(name string, narrow func(d v, x, constants []v), constants ...uint32) {
	args := a.both("encode" + name)
	dst, src, n := args[0], args[1], args[2]
	c := make([]v, len(constants))
	for i, bits := range constants {
		c[i] = a.constant(bits)
	}
	a.times("loop", n, 8, func() {
		x, d := a.vs(2), a.v()
		a.op("FLDPQ.P", src.at(32), pair(x))
		narrow(d, x, c)
		a.op("FMOVQ.P", d.f(), dst.at(16))
	})
	a.ret()
}
