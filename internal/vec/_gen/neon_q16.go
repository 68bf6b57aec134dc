package main

import (
	"fmt"
	"math"
)

// neonQ16 rounds rows of values, or of values times scales, to 16-bit codes.
type neonQ16 struct {
	*neon
	scaled bool
	args   []r
}

func (q *neonQ16) kernel() {
	name, scales := "quantize16", ""
	if q.scaled {
		name, scales = "quantize16Scaled", ", scales *byte"
	}
	q.args = q.fn(name, "func(high, low *int8, meta *byte, cols int, x *float32, ld, rows int"+scales+")",
		"cols is a positive multiple of 16.")
	high, low, meta, x, ld, rows := q.args[0], q.args[1], q.args[2], q.args[4], q.args[5], q.args[6]
	most, half := q.constant(math.Float32bits(32639)), q.constant(128)
	q.times("row", rows, 1, func() {
		largest, scale, inverse, sum := q.v(), q.v(), q.v(), q.v()
		q.largest(largest)
		q.zero(inverse, sum)
		q.fsub(scale, largest, largest) // 0, or NaN of an infinity or a NaN
		bits := q.r()
		q.op("FMOVS", largest.f(), bits)
		q.op("CMPW", "$0x7f800000", bits)
		q.op("BHS", "codes")
		q.op("CMPW", fmt.Sprintf("$%#x", least16), bits)
		q.op("BLO", "codes")
		q.fdiv(scale, largest, most)
		q.fdiv(inverse, most, largest)
		q.place("codes")
		q.values("code", func(e []v) { q.codes(e, inverse, sum, half, high, low) })
		q.op("FMOVS", scale.f(), meta.at(0))
		q.op("VADDV", sum.s4(), fmt.Sprint("V", int(sum)))
		q.zero(largest)
		q.op("VSHL", "$7", sum.s4(), sum.s4())
		q.op("VSUB", sum.s4(), largest.s4(), sum.s4())
		q.op("FMOVS", sum.f(), meta.at(4))
		q.advance(meta, metaSize16)
		q.step(x, ld, 2)
	})
	q.ret()
}

// values passes over a row, 16 values at a time.
func (q *neonQ16) values(name string, use func(e []v)) {
	q.scope(func() {
		p, scales, left := q.copyOf(q.args[4]), r(0), q.copyOf(q.args[3])
		if q.scaled {
			scales = q.copyOf(q.args[7])
		}
		q.times(name, left, 16, func() {
			e, by := q.vs(4), q.vs(2)
			for k := 0; k < 4; k += 2 {
				q.op("FLDPQ.P", p.at(32), pair(e[k:]))
				if q.scaled {
					q.op("FLDPQ.P", scales.at(32), pair(by))
					q.fmul(e[k], e[k], by[0])
					q.fmul(e[k+1], e[k+1], by[1])
				}
			}
			use(e)
		})
	})
}

// largest finds the largest magnitude of a row, of bits: NaN and infinity are largest.
func (q *neonQ16) largest(most v) {
	q.zero(most)
	q.values("largest", func(e []v) {
		for _, y := range e {
			q.fabs(y, y)
			q.op("VUMAX", y.s4(), most.s4(), most.s4())
		}
	})
	q.umaxv(most, most)
}

// codes stores the bytes of 16 codes and adds the codes to sum.
func (q *neonQ16) codes(e []v, inverse, sum, half v, high, low r) {
	up := q.vs(4)
	for k, y := range e {
		q.fmulElement(y, y, inverse, 0)
		q.fcvtns(y, y)
		q.op("VADD", y.s4(), sum.s4(), sum.s4())
		q.op("VADD", half.s4(), y.s4(), up[k].s4())
	}
	for _, z := range [][]v{e, up} {
		for k := 0; k < 4; k += 2 {
			q.op("VUZP1", z[k+1].h8(), z[k].h8(), z[k].h8())
		}
	}
	q.op("VUZP1", e[2].b16(), e[0].b16(), e[0].b16())
	q.op("VUZP2", up[2].b16(), up[0].b16(), up[0].b16())
	q.op("FMOVQ.P", e[0].f(), low.at(16))
	q.op("FMOVQ.P", up[0].f(), high.at(16))
}
