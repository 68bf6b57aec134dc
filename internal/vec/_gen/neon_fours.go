package main

import "fmt"

// neonFoursTokens are the numbers of vectors that the products with bytes by
// fours take, as many as registers allow first.
var neonFoursTokens = []int{3, 2, 1}

// neonFours multiply 16-bit codes with bytes that lie by fours, 16 columns at a
// time. A sum of the high bytes' products and one of the low bytes' are put
// together at the end. The bytes are codes plus 128, and made codes again.
func neonFours(a *neon) {
	for _, add := range []bool{false, true} {
		name, scales, doc := "dotFours", ", scales *byte", "dst[q*ld+j] = a[q]·column j × both scales"
		if add {
			name, scales, doc = "addFours", "", "dst[q*ld+j] += a[q]·column j × the scale of a[q]"
		}
		a.open(name, "func(dst *float32, ld int, high, low *int8, meta *byte, n, cols int, w *byte, width int, next *byte"+scales+")",
			doc+", q < n, j < width, a multiple of 16; cols is a positive multiple of 4.")
		f := &neonFour{neon: a, add: add, ld: a.load("ld"), cols: a.load("cols"), next: a.load("next"), metas: a.number(metaSize16), flip: a.v()}
		a.op("VMOVI", "$0x80", f.flip.b16())
		n := a.load("n")
		for _, tokens := range neonFoursTokens {
			a.while(fmt.Sprint("tokens", tokens), n, tokens, func() {
				f.strips(tokens)
				a.forward("dst", f.ld, 2, tokens)
				a.forward("high", f.cols, 0, tokens)
				a.forward("low", f.cols, 0, tokens)
				a.forward("meta", f.metas, 0, tokens)
			})
		}
		a.ret()
	}
	for _, scaled := range []bool{false, true} {
		q := &neonQ16{neon: a, scaled: scaled}
		q.kernel()
	}
}

type neonFour struct {
	*neon
	add            bool
	ld, cols, next r
	metas          r // bytes from a vector's meta to the next one's
	flip           v
}

// strips passes over the columns.
func (f *neonFour) strips(tokens int) {
	w, out, left, stride := f.load("w"), f.load("dst"), f.load("width"), f.r()
	var scales r
	if !f.add {
		scales = f.load("scales")
	}
	f.op("LSL", "$2", left, stride)
	f.times(fmt.Sprint("strip", tokens), left, 16, func() {
		acc := f.sums(tokens, w, stride)
		f.finish(acc, out, scales)
		f.advance(w, 64)
		f.advance(out, 64)
		if !f.add {
			f.advance(scales, 64)
		}
	})
}

// sums returns the exact sums of 16 columns.
func (f *neonFour) sums(tokens int, w, stride r) [][]v {
	high, low := make([][]v, tokens), make([][]v, tokens)
	for t := range high {
		high[t], low[t] = f.vs(4), f.vs(4)
		f.zero(high[t]...)
		f.zero(low[t]...)
	}
	f.scope(func() {
		xs := [][]r{f.pointers(f.load("high"), f.cols, 0, 0, tokens), f.pointers(f.load("low"), f.cols, 0, 0, tokens)}
		row := f.copyOf(w)
		f.times(fmt.Sprint("four", tokens), f.copyOf(f.cols), 4, func() {
			codes, x := f.vs(4), f.v()
			for k := 0; k < 4; k += 2 {
				f.op("FLDPQ", row.at(16*k), pair(codes[k:]))
			}
			for _, c := range codes {
				f.op("VEOR", f.flip.b16(), c.b16(), c.b16())
			}
			f.step(row, stride, 0)
			f.prefetch(f.next, 64)
			for i, acc := range [][][]v{high, low} {
				for t := range acc {
					f.op("FMOVS.P", xs[i][t].at(4), x.f())
					for k, c := range codes {
						f.sdotElement(acc[t][k], c, x, 0)
					}
				}
			}
		})
	})
	for t := range high {
		for k, h := range high[t] {
			f.op("VSHL", "$8", h.s4(), h.s4())
			f.op("VADD", low[t][k].s4(), h.s4(), h.s4())
			f.scvtf(h, h)
		}
	}
	return high
}

// finish scales the sums, and stores or adds them.
func (f *neonFour) finish(acc [][]v, out, scales r) {
	f.scope(func() {
		at, meta := f.copyOf(out), f.load("meta")
		scale, by := f.vs(4), f.v()
		for k := 0; k < 4 && !f.add; k += 2 {
			f.op("FLDPQ", scales.at(16*k), pair(scale[k:]))
		}
		for t := range acc {
			f.op("FMOVS", meta.at(metaSize16*t), by.f())
			if f.add {
				f.op("FLDPQ", at.at(0), pair(scale))
				f.op("FLDPQ", at.at(32), pair(scale[2:]))
			}
			for k, x := range acc[t] {
				if !f.add {
					f.fmul(x, x, scale[k])
				}
				f.fmulElement(x, x, by, 0)
				if f.add {
					f.fadd(x, x, scale[k])
				}
			}
			f.op("FSTPQ", pair(acc[t]), at.at(0))
			f.op("FSTPQ", pair(acc[t][2:]), at.at(32))
			f.step(at, f.ld, 2)
		}
	})
}
