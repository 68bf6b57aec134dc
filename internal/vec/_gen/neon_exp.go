package main

import "math"

// neonExp is the constants of exp in registers.
type neonExp struct {
	*neon
	lo, hi, log2e, ln2Hi, ln2Lo, one, bias v
	poly                                   []v
}

func (a *neon) expConstants() *neonExp {
	f := func(c float64) v { return a.constant(math.Float32bits(float32(c))) }
	e := &neonExp{neon: a, lo: f(expLo), hi: f(expHi), log2e: f(math.Log2E), ln2Hi: f(ln2Hi), ln2Lo: f(ln2Lo), one: f(1), bias: a.constant(127)}
	for _, c := range expPoly {
		e.poly = append(e.poly, f(c))
	}
	return e
}

// exp replaces the values of two registers by their exponentials, see math_go.go.
func (e *neonExp) exp(x []v) {
	e.scope(func() {
		n, y, t := e.vs(2), e.vs(2), e.vs(2)
		each := func(step func(x, n, y, t v)) {
			for k := range x {
				step(x[k], n[k], y[k], t[k])
			}
		}
		each(func(x, n, y, t v) {
			e.fmax(x, x, e.lo)
			e.fmin(x, x, e.hi)
			e.fmul(n, x, e.log2e)
			e.frintn(n, n)
		})
		each(func(x, n, y, t v) {
			e.fmls(x, n, e.ln2Hi)
			e.fmls(x, n, e.ln2Lo)
			e.move(y, e.poly[0])
		})
		for _, c := range e.poly[1:] {
			each(func(x, n, y, t v) {
				e.move(t, c)
				e.fmla(t, y, x)
			})
			y, t = t, y
		}
		each(func(x, n, y, t v) {
			e.fmul(t, x, x)
			e.fmla(x, y, t)
			e.fadd(x, x, e.one)
		})
		// In two steps, since 2^n itself may be subnormal or too large.
		each(func(x, n, half, rest v) {
			e.fcvtns(rest, n)
			e.sshr1(half, rest)
			e.op("VSUB", half.s4(), rest.s4(), rest.s4())
			for _, p := range []v{half, rest} {
				e.op("VADD", e.bias.s4(), p.s4(), p.s4())
				e.op("VSHL", "$23", p.s4(), p.s4())
				e.fmul(x, x, p)
			}
		})
	})
}

// exponentials replaces n values by exp(value−most) and returns their sum in the
// lowest lane.
func (e *neonExp) exponentials(name string, x, n r, most v) v {
	sum, pad := e.vs(2), e.constant(math.Float32bits(float32(math.Inf(-1))))
	e.zero(sum...)
	e.eights(name, x, n, pad, func(x []v) {
		for _, y := range x {
			e.fsub(y, y, most)
		}
		e.exp(x)
	}, func(x []v) {
		for k, y := range x {
			e.fadd(sum[k], sum[k], y)
		}
	})
	e.sumLanes(sum[0], sum[1])
	return sum[0]
}

func (a *neon) expSum() {
	args := a.both("expSum")
	most, e := a.float("max"), a.expConstants()
	a.result(e.exponentials("exp", args[0], args[1], most))
	a.ret()
}

func (a *neon) siluMul() {
	args := a.both("siluMul")
	gate, up, left := args[0], args[1], args[2]
	e := a.expConstants()
	g, u, d := a.vs(2), a.vs(2), a.vs(2)
	silu := func() {
		for k := range g {
			a.fneg(d[k], g[k])
		}
		e.exp(d)
		for k := range g {
			a.fadd(d[k], d[k], e.one)
			a.fdiv(g[k], g[k], d[k])
			a.fmul(g[k], g[k], u[k])
		}
	}
	a.while("loop", left, 8, func() {
		a.op("FLDPQ", gate.at(0), pair(g))
		a.op("FLDPQ.P", up.at(32), pair(u))
		silu()
		a.op("FSTPQ.P", pair(g), gate.at(32))
	})
	a.op("CBZ", left, "done")
	a.zero(g...)
	a.zero(u...)
	a.lanes("gate", true, gate, left, g)
	a.lanes("up", true, up, left, u)
	silu()
	a.lanes("store", false, gate, left, g)
	a.place("done")
	a.ret()
}

// neonSoftmax folds logits into running softmaxes, a row at a time.
func neonSoftmax(a *neon) {
	args := a.both("softmax")
	x, ld, n, most, sum, factor, rows := args[0], args[1], args[2], args[3], args[4], args[5], args[6]
	e := a.expConstants()
	lowest := a.constant(math.Float32bits(-math.MaxFloat32))
	a.times("row", rows, 1, func() {
		m := a.largest("max", x, n)
		old := a.vs(2)
		a.op("FMOVS", most.at(0), old[0].f())
		a.fmax(m, m, old[0])
		a.op("FMOVS.P", m.f(), most.at(4))
		a.fmax(m, m, lowest)
		a.fsub(old[0], old[0], m)
		a.move(old[1], old[0])
		e.exp(old)
		a.op("FMOVS.P", old[0].f(), factor.at(4))
		a.dup(m, m, 0)
		total := e.exponentials("exp", x, n, m)
		a.op("FMOVS", sum.at(0), old[1].f())
		a.fmla(total, old[1], old[0])
		a.op("FMOVS.P", total.f(), sum.at(4))
		a.step(x, ld, 2)
	})
	a.ret()
}
