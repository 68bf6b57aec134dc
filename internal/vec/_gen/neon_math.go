package main

import "math"

func neonMath(a *neon) {
	a.maximum()
	a.sum("sumSquares", func(sum, y v) { a.fmla(sum, y, y) })
	a.sum("sumAbs", func(sum, y v) {
		a.fabs(y, y)
		a.fadd(sum, sum, y)
	})
	a.elementwise("scale", "s", 1, func(x [][]v, c []v, k int) { a.fmul(x[0][k], x[0][k], c[0]) })
	a.elementwise("add", "", 2, func(x [][]v, _ []v, k int) { a.fadd(x[0][k], x[0][k], x[1][k]) })
	a.elementwise("mul", "", 2, func(x [][]v, _ []v, k int) { a.fmul(x[0][k], x[0][k], x[1][k]) })
	a.elementwise("scaleMul", "s", 3, func(x [][]v, c []v, k int) {
		a.fmul(x[0][k], x[1][k], c[0])
		a.fmul(x[0][k], x[0][k], x[2][k])
	})
	a.elementwise("mix", "ab", 2, func(x [][]v, c []v, k int) {
		a.fmul(x[0][k], x[0][k], c[0])
		a.fmul(x[1][k], x[1][k], c[1])
		a.fadd(x[0][k], x[0][k], x[1][k])
	})
	a.rotateHalves()
	a.rotatePairs()
	a.transposeRows()
	a.expSum()
	a.siluMul()
}

// elementwise writes a function of n elements of some slices, the first of which
// is the result too. Constants have names of one letter.
func (a *neon) elementwise(name, constants string, slices int, op func(x [][]v, c []v, k int)) {
	args := a.both(name)
	var c []v
	for _, name := range constants {
		c = append(c, a.float(string(name)))
	}
	a.times("loop", args[slices], 8, func() {
		x := make([][]v, slices)
		for i := range x {
			x[i] = a.vs(2)
			if i == 0 {
				a.op("FLDPQ", args[i].at(0), pair(x[i]))
			} else {
				a.op("FLDPQ.P", args[i].at(32), pair(x[i]))
			}
		}
		for k := range 2 {
			op(x, c, k)
		}
		a.op("FSTPQ.P", pair(x[0]), args[0].at(32))
	})
	a.ret()
}

func (a *neon) maximum() {
	args := a.both("max")
	x, n := args[0], args[1]
	a.result(a.largest("max", x, n))
	a.ret()
}

// largest returns the largest of n values in the lowest lane; it passes over NaN.
func (a *neon) largest(name string, x, n r) v {
	m := a.v()
	a.scope(func() {
		pad := a.constant(math.Float32bits(float32(math.Inf(-1))))
		most, above := a.vs(2), a.vs(2)
		a.move(most[0], pad)
		a.move(most[1], pad)
		a.eights(name, x, n, pad, nil, func(x []v) {
			for k, y := range x {
				a.fcmgt(above[k], y, most[k])
				a.op("VBIT", above[k].b16(), y.b16(), most[k].b16())
			}
		})
		a.fmaxnm(m, most[0], most[1])
		a.fmaxnmv(m, m)
	})
	return m
}

// eights passes over n values, 8 at a time; to the last, if fewer, pad is added.
// If change is not nil, what it makes of the values takes their place, and fold
// sees that, or 0 instead of padding.
func (a *neon) eights(name string, x, n r, pad v, change, fold func(x []v)) {
	a.scope(func() {
		p, left, e := a.copyOf(x), a.copyOf(n), a.vs(2)
		a.while(name, left, 8, func() {
			a.op("FLDPQ", p.at(0), pair(e))
			if change != nil {
				change(e)
				a.op("FSTPQ", pair(e), p.at(0))
			}
			fold(e)
			a.advance(p, 32)
		})
		a.op("CBZ", left, name+"Done")
		a.move(e[0], pad)
		a.move(e[1], pad)
		a.lanes(name+"Load", true, p, left, e)
		if change != nil {
			change(e)
			a.lanes(name+"Store", false, p, left, e)
			a.zero(e...)
			a.lanes(name+"Fold", true, p, left, e)
		}
		fold(e)
		a.place(name + "Done")
	})
}

// lanes loads or stores the first n < 8 lanes of two registers.
func (a *neon) lanes(name string, load bool, x, n r, e []v) {
	a.scope(func() {
		p, left := a.copyOf(x), a.copyOf(n)
		for i := range 7 {
			a.op("CBZ", left, name)
			if lane := e[i/4].s(i % 4); load {
				a.op("VLD1.P", p.at(4), lane)
			} else {
				a.op("VST1.P", lane, p.at(4))
			}
			a.op("SUB", "$1", left)
		}
		a.place(name)
	})
}

// sum writes a function of n values, of which add adds something to a sum.
func (a *neon) sum(name string, add func(sum, y v)) {
	args := a.both(name)
	x, n := args[0], args[1]
	sum := a.vs(8)
	a.zero(sum...)
	a.times("loop", n, 32, func() {
		e := a.vs(8)
		for k := 0; k < 8; k += 2 {
			a.op("FLDPQ.P", x.at(32), pair(e[k:]))
		}
		for k, y := range e {
			add(sum[k], y)
		}
	})
	for _, step := range []int{2, 4} {
		for k := 0; k < 8; k += 2 * step {
			a.fadd(sum[k], sum[k], sum[k+step])
			a.fadd(sum[k+1], sum[k+1], sum[k+1+step])
		}
	}
	a.sumLanes(sum[0], sum[1])
	a.result(sum[0])
	a.ret()
}

// sumLanes adds the lanes of two registers in the order of the Go function of
// this name, and leaves the sum in the lowest of the first.
func (a *neon) sumLanes(x, y v) {
	a.fadd(x, x, y)
	a.op("VEXT", "$8", x.b16(), x.b16(), y.b16())
	a.fadd(x, x, y)
	a.faddp(x, x, x)
}

func (a *neon) rotateHalves() {
	args := a.both("rotateHalves")
	x, cos, sin, half := args[0], args[1], args[2], args[3]
	y := a.copyOf(x)
	a.step(y, half, 2)
	a.times("loop", half, 4, func() {
		p, q, c, s := a.v(), a.v(), a.v(), a.v()
		a.op("FMOVQ", x.at(0), p.f())
		a.op("FMOVQ", y.at(0), q.f())
		a.op("FMOVQ.P", cos.at(16), c.f())
		a.op("FMOVQ.P", sin.at(16), s.f())
		u, w := a.v(), a.v()
		a.turn(u, w, p, q, c, s)
		a.op("FMOVQ.P", u.f(), x.at(16))
		a.op("FMOVQ.P", w.f(), y.at(16))
	})
	a.ret()
}

// turn sets u = p × c − q × s and w = p × s + q × c.
func (a *neon) turn(u, w, p, q, c, s v) {
	a.fmul(u, p, c)
	a.fmls(u, q, s)
	a.fmul(w, p, s)
	a.fmla(w, q, c)
}

func (a *neon) rotatePairs() {
	args := a.both("rotatePairs")
	x, cos, sin, half := args[0], args[1], args[2], args[3]
	in, out := a.vs(2), a.vs(2)
	list := func(e []v) string { return "[" + e[0].s4() + ", " + e[1].s4() + "]" }
	a.times("loop", half, 4, func() {
		c, s := a.v(), a.v()
		a.op("VLD2", "("+x.String()+")", list(in))
		a.op("FMOVQ.P", cos.at(16), c.f())
		a.op("FMOVQ.P", sin.at(16), s.f())
		a.turn(out[0], out[1], in[0], in[1], c, s)
		a.op("VST2.P", list(out), x.at(32))
	})
	a.ret()
}
