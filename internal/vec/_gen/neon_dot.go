package main

import "fmt"

// neonTokens are the numbers of vectors that the tiles of dot and axpy take, as
// many as registers allow first.
var neonTokens = []int{6, 3, 2, 1}

// neonDots multiply any number of vectors with any number of rows. Each output
// has one accumulator of four lanes, whatever the tile it is computed in.
func neonDots(a *neon) {
	for _, f := range formats {
		args := a.fn("dot"+f.name, "func(dst *float32, ld int, x *float32, n, cols int, w *byte, stride, rows int, next *byte)",
			"dst[q*ld+j] = x[q]·row j, q < n; cols is a positive multiple of 8.")
		d := &neonDot{neon: a, f: f, dst: args[0], ld: args[1], x: args[2], cols: args[4], w: args[5], stride: args[6], next: args[8]}
		n, rows := args[3], args[7]
		for _, tokens := range neonTokens {
			a.while(fmt.Sprint("tokens", tokens), n, tokens, func() {
				d.tiles(tokens, rows)
				a.steps(d.x, d.cols, 2, tokens)
				a.steps(d.dst, d.ld, 2, tokens)
			})
		}
		a.ret()
	}
}

type neonDot struct {
	*neon
	f                                 format
	dst, ld, x, cols, w, stride, next r
}

// tiles passes over the rows, 4 or 8 at a time.
func (d *neonDot) tiles(tokens int, rows r) {
	w, out, left := d.copyOf(d.w), d.copyOf(d.dst), d.copyOf(rows)
	height := 4
	if tokens == 1 {
		height = 8
	}
	for _, h := range []int{height, 1} {
		d.while(fmt.Sprintf("rows%dx%d", tokens, h), left, h, func() {
			d.tile(tokens, h, w, out)
			d.advance(out, 4*h)
			d.steps(w, d.stride, 0, h)
		})
	}
}

func (d *neonDot) tile(tokens, rows int, w, out r) {
	acc := make([][]v, tokens)
	for t := range acc {
		acc[t] = d.vs(rows)
		d.zero(acc[t]...)
	}
	d.scope(func() {
		ahead := d.next
		if rows == 8 { // as when a weight is read for one token: bound by memory
			ahead = d.r()
			d.op("ADD", fmt.Sprintf("%v<<3", d.stride), w, ahead)
		}
		ws := d.pointers(w, d.stride, 0, d.f.header, rows)
		xs := d.pointers(d.x, d.cols, 2, 0, tokens)
		width := 2 // of a step, in vectors
		if tokens == 6 {
			width = 1
		}
		d.times(fmt.Sprintf("cols%dx%d", tokens, rows), d.copyOf(d.cols), 8, func() {
			if rows > 1 {
				d.prefetch(ahead, rows*8*d.f.size)
			}
			for range 2 / width {
				d.scope(func() { d.products(acc, xs, ws, width) })
			}
		})
	})
	d.store(acc, w, out)
}

// products adds the products of the next columns, width vectors of them.
func (d *neonDot) products(acc [][]v, xs, ws []r, width int) {
	x := make([][]v, len(xs))
	for t, p := range xs {
		x[t] = d.vs(width)
		d.convert(formats[0], p, x[t]...)
	}
	row := d.vs(width)
	for j, p := range ws {
		d.convert(d.f, p, row...)
		for k := range width {
			for t := range acc {
				d.fmla(acc[t][j], row[k], x[t][k])
			}
		}
	}
}

// store sums the lanes of four accumulators at a time, or of one.
func (d *neonDot) store(acc [][]v, w, out r) {
	rows := len(acc[0])
	header := d.copyOf(w)
	at := d.r()
	for j := 0; j < rows; j += 4 {
		four := min(4, rows)
		scale := d.v()
		for i := 0; i < four && d.f.header > 0; i++ {
			d.op("VLD1", "("+header.String()+")", scale.s(i))
			d.step(header, d.stride, 0)
		}
		d.advanceTo(at, out, 4*j)
		for t := range acc {
			sum := acc[t][j]
			d.faddp(sum, sum, acc[t][j+min(1, four-1)])
			if four == 4 {
				d.faddp(acc[t][j+2], acc[t][j+2], acc[t][j+3])
			}
			d.faddp(sum, sum, acc[t][j+min(2, four-1)])
			if d.f.header > 0 {
				d.fmul(sum, sum, scale)
			}
			store := "FMOVQ"
			if four == 1 {
				store = "FMOVS"
			}
			d.op(store, sum.f(), at.at(0))
			d.step(at, d.ld, 2)
		}
	}
}
