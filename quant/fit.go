package quant

import "math"

// ranges are the scales of a super-block with codes from 0 on: a value is
// d·scale·code − dmin·min, with a scale and a minimum for each group.
type ranges struct {
	d, dmin    float32 // as half precision holds them
	scale, min [superCols / groupCols]byte
}

// halves writes d and dmin.
func (r *ranges) halves(d, dmin []byte) {
	putHalf(d, r.d)
	putHalf(dmin, r.dmin)
}

// fitRanges fits codes of 0..most in groups of n columns to a super-block, with
// scales and minimums of 0..mostScale. Minimums are stored without a sign, so
// the ranges include 0.
func fitRanges(code []byte, x []float32, n int, most, mostScale int) (r ranges) {
	var scales, mins [superCols / groupCols]float32
	groups := superCols / n
	for g := range groups {
		scales[g], mins[g] = fitRange(x[g*n:][:n], most)
	}
	r.d, r.dmin = half(maxAbs(scales[:])/float32(mostScale)), half(maxAbs(mins[:])/float32(mostScale))
	for g := range groups {
		s := nearest(scales[g]*inverse(r.d), 0, mostScale)
		m := nearest(mins[g]*inverse(r.dmin), 0, mostScale)
		r.scale[g], r.min[g] = byte(s), byte(m)
		inv, minimum := inverse(r.d*float32(s)), r.dmin*float32(m)
		for i := g * n; i < (g+1)*n; i++ {
			code[i] = byte(nearest((x[i]+minimum)*inv, 0, most))
		}
	}
	return r
}

// fitRange returns the scale and the minimum, both at least 0, whose values
// scale·code − minimum, code in 0..most, come close to x. Of 21 divisions of
// x's range, each with its best scale and minimum by weighted least squares, the
// best is taken; larger values weigh more.
func fitRange(x []float32, most int) (scale, minimum float32) {
	lo, hi, square := 0.0, 0.0, 0.0
	for _, v := range x {
		v := float64(v)
		lo, hi, square = min(lo, v), max(hi, v), square+v*v
	}
	if hi == lo {
		return 0, 0
	}
	level := math.Sqrt(square / float64(len(x)))
	best := math.Inf(1)
	for step := range 21 {
		inv := (float64(most) - 1 + 0.1*float64(step)) / (hi - lo)
		var w, wx, wc, wcc, wxc, wxx float64
		for _, v := range x {
			v := float64(v)
			c, u := min(round((v-lo)*inv), float64(most)), level+math.Abs(v)
			uc, ux := u*c, u*v
			w, wc, wcc, wx, wxc, wxx = w+u, wc+uc, wcc+uc*c, wx+ux, wxc+uc*v, wxx+ux*v
		}
		det := w*wcc - wc*wc
		if det <= 0 {
			continue
		}
		s, m := (w*wxc-wx*wc)/det, (wx*wcc-wc*wxc)/det
		if m > 0 {
			s, m = wxc/wcc, 0
		}
		if e := s*(s*wcc+2*m*wc-2*wxc) + m*(m*w-2*wx) + wxx; e < best {
			best, scale, minimum = e, float32(s), float32(-m)
		}
	}
	return scale, minimum
}

// grid is a set of levels, ascending from a negative one, that codes stand for.
type grid struct {
	levels []int8
	step   float64              // how far apart the divisions are that a fit tries, in levels
	code   func(x float64) byte // the code of the level nearest to x
}

// even is the grid −n..n−1.
func even(n int) grid {
	levels := make([]int8, 2*n)
	for c := range levels {
		levels[c] = int8(c - n)
	}
	return grid{levels, 0.1, func(x float64) byte { return byte(max(0, min(round(x)+float64(n), float64(2*n-1)))) }}
}

// codes writes the codes of x for levels times a scale.
func (g *grid) codes(code []byte, x []float32, scale float32) {
	inv := inverse(scale)
	for i, v := range x {
		code[i] = g.code(float64(v * inv))
	}
}

// signed are the scales of a super-block of levels: a value is d·scale·level.
type signed struct {
	d     float32 // as half precision holds it
	scale [superCols / groupCols]int8
}

// fitSigned fits levels of a grid in groups of n columns to a super-block, with
// scales of −nScale..nScale−1.
func fitSigned(code []byte, x []float32, n int, g grid, nScale int) (s signed) {
	scales := make([]float32, superCols/n)
	for i := range scales {
		scales[i] = fitScale(x[i*n:][:n], g)
	}
	s.d = half(extreme(scales) / float32(-nScale))
	for i := range scales {
		c := nearest(scales[i]*inverse(s.d), -nScale, nScale-1)
		s.scale[i] = int8(c)
		g.codes(code[i*n:], x[i*n:][:n], s.d*float32(c))
	}
	return s
}

// fitScale returns the scale, of either sign, whose values scale·level come
// close to x. Each of 19 divisions of x's range, in which the value of largest
// magnitude is near the lowest level, has its best scale by least squares
// weighted with the square of a value; the best is taken.
func fitScale(x []float32, g grid) (scale float32) {
	m := float64(extreme(x))
	if m == 0 {
		return 0
	}
	best := 0.0
	for step := -9; step <= 9; step++ {
		inv := (float64(g.levels[0]) - g.step*float64(step)) / m
		var xl, ll float64
		for _, v := range x {
			v := float64(v)
			l, w := float64(g.levels[g.code(v*inv)]), v/m*(v/m)
			xl, ll = xl+w*v*l, ll+w*l*l
		}
		if ll > 0 && xl*xl > best*ll {
			best, scale = xl*xl/ll, float32(xl/ll)
		}
	}
	return scale
}

// round rounds x, ties to even, where it is below 2^51; what is larger stays
// about as it is.
func round(x float64) float64 {
	const magic = 3 << 51 // has a last place of 1
	return float64(x) + magic - magic
}

// half rounds x as putHalf does.
func half(x float32) float32 { return putHalf(make([]byte, 2), x) }
