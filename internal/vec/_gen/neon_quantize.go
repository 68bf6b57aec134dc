package main

import "math"

// neonQuantize rounds blocks of activations to int8. No kernel for arm64 reads
// wide codes, and there are none.
func neonQuantize(a *neon) {
	args := a.both("quantize")
	codes, meta, x, blocks := args[0], args[2], args[3], args[4]
	most := a.constant(math.Float32bits(127))
	c, largest, scale := a.vs(2), a.v(), a.v()
	a.times("block", blocks, 1, func() {
		e := a.vs(8)
		a.magnitude(largest, x, e)
		bits, inv := a.r(), a.v()
		a.op("FMOVS", largest.f(), bits)
		a.op("CMPW", "$0x7f800000", bits)
		a.op("BHS", "special")
		a.op("CMPW", "$0x03800000", bits) // 2^-120
		a.op("BLO", "special")
		a.fdiv(scale, largest, most)
		a.fdiv(inv, most, largest)
		for _, y := range e {
			a.fmulElement(y, y, inv, 0)
			a.fcvtns(y, y)
		}
		for k := 0; k < 8; k += 2 {
			a.op("VUZP1", e[k+1].h8(), e[k].h8(), e[k].h8())
		}
		a.op("VUZP1", e[2].b16(), e[0].b16(), c[0].b16())
		a.op("VUZP1", e[6].b16(), e[4].b16(), c[1].b16())
		a.place("store")
		a.op("FSTPQ.P", pair(c), codes.at(32))
		a.op("FMOVS", scale.f(), meta.at(0))
		a.offsets(c, meta)
		a.advance(meta, metaSize)
	})
	a.ret()
	a.place("special")
	a.fsub(scale, largest, largest) // 0, or NaN of an infinity or a NaN
	a.zero(c...)
	a.op("B", "store")
}

// magnitude loads a block and finds its largest magnitude, as an integer.
func (a *neon) magnitude(largest v, x r, e []v) {
	for k := 0; k < len(e); k += 2 {
		a.op("FLDPQ.P", x.at(32), pair(e[k:]))
	}
	abs := a.vs(len(e))
	for k := range e {
		a.fabs(abs[k], e[k])
	}
	for step := 1; step < len(e); step *= 2 {
		for k := 0; k < len(e); k += 2 * step {
			a.op("VUMAX", abs[k+step].s4(), abs[k].s4(), abs[k].s4())
		}
	}
	a.umaxv(largest, abs[0])
}

// offsets stores minus 128 times the sum of the codes, and minus 8 times the sums
// of the pairs of codes 4i, 4i+1 and 4i+2, 4i+3.
func (a *neon) offsets(c []v, meta r) {
	s, t := a.v(), a.v()
	a.saddlpB(s, c[0])
	a.saddlpB(t, c[1])
	a.op("VADD", t.h8(), s.h8(), s.h8())
	for _, bytes := range []string{"$8", "$4"} {
		a.op("VEXT", bytes, s.b16(), s.b16(), t.b16())
		a.op("VADD", t.h8(), s.h8(), s.h8())
	}
	a.zero(t)
	a.op("VSHL", "$3", s.h8(), s.h8())
	a.op("VSUB", s.h8(), t.h8(), s.h8())
	a.op("FMOVS", s.f(), meta.at(8))
	a.saddlpH(s, s)
	a.op("VSHL", "$4", s.s4(), s.s4())
	a.op("FMOVS", s.f(), meta.at(4))
}
