package main

// transpose makes of 4 rows of 4 words, such as fours of codes, their columns.
func (a *neon) transpose(x []v) {
	a.scope(func() {
		t := a.vs(4)
		for i := range 2 {
			a.op("VZIP1", x[2*i+1].s4(), x[2*i].s4(), t[2*i].s4())
			a.op("VZIP2", x[2*i+1].s4(), x[2*i].s4(), t[2*i+1].s4())
		}
		for i := range 2 {
			a.op("VZIP1", t[2+i].d2(), t[i].d2(), x[2*i].d2())
			a.op("VZIP2", t[2+i].d2(), t[i].d2(), x[2*i+1].d2())
		}
	})
}

// transposeRows takes 4 rows by 4 columns at a time.
func (a *neon) transposeRows() {
	args := a.both("transpose")
	dst, src, rows, cols := args[0], args[1], args[2], args[3]
	a.times("rows", a.copyOf(rows), 4, func() {
		from, to := a.copyOf(src), a.copyOf(dst)
		a.times("columns", a.copyOf(cols), 4, func() {
			x := a.vs(4)
			in, out := a.pointers(from, cols, 2, 0, 4), a.pointers(to, rows, 2, 0, 4)
			for i := range x {
				a.op("FMOVQ", in[i].at(0), x[i].f())
			}
			a.transpose(x)
			for i := range x {
				a.op("FMOVQ", x[i].f(), out[i].at(0))
			}
			a.advance(from, 16)
			a.step(to, rows, 4)
		})
		a.step(src, cols, 4)
		a.advance(dst, 16)
	})
	a.ret()
}
