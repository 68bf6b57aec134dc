package quant

import "math"

// ranges is a super-block of codes from 0 on: a value is d·scale·code −
// dmin·min, with a scale and a minimum for each group.
type ranges struct {
	d, dmin    float32 // as half precision holds them
	scale, min [superCols / groupCols]byte
	code       [superCols]byte
}

// halves writes d and dmin.
func (r *ranges) halves(d, dmin []byte) {
	putHalf(d, r.d)
	putHalf(dmin, r.dmin)
}

// fitRanges fits codes of 0..most in groups of n columns to a super-block, with
// scales and minimums of 0..mostScale. A minimum above 0 would waste its sign,
// so ranges include 0.
func fitRanges(x []float32, n int, most, mostScale int) (r ranges) {
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
			r.code[i] = byte(nearest((x[i]+minimum)*inv, 0, most))
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
		var w, wx, wc, wcc, wxc float64
		for _, v := range x {
			v := float64(v)
			c, u := min(math.RoundToEven((v-lo)*inv), float64(most)), level+math.Abs(v)
			w, wx, wc, wcc, wxc = w+u, wx+u*v, wc+u*c, wcc+u*c*c, wxc+u*v*c
		}
		det := w*wcc - wc*wc
		if det <= 0 {
			continue
		}
		s, m := (w*wxc-wx*wc)/det, (wx*wcc-wc*wxc)/det
		if m > 0 {
			s, m = wxc/wcc, 0
		}
		var e float64
		for _, v := range x {
			v := float64(v)
			d := s*min(math.RoundToEven((v-lo)*inv), float64(most)) + m - v
			e += (level + math.Abs(v)) * d * d
		}
		if e < best {
			best, scale, minimum = e, float32(s), float32(-m)
		}
	}
	return scale, minimum
}

// signed is a super-block of signed codes: a value is d·scale·code.
type signed struct {
	d     float32 // as half precision holds it
	scale [superCols / groupCols]int8
	code  [superCols]int8
}

// fitSigned fits codes of −n..n−1 in groups of 16 columns to a super-block, with
// scales of −nScale..nScale−1.
func fitSigned(x []float32, n, nScale int) (s signed) {
	var scales [superCols / groupCols]float32
	for g := range scales {
		scales[g] = fitScale(x[g*groupCols:][:groupCols], n)
	}
	s.d = half(extreme(scales[:]) / float32(-nScale))
	for g := range scales {
		c := nearest(scales[g]*inverse(s.d), -nScale, nScale-1)
		s.scale[g] = int8(c)
		inv := inverse(s.d * float32(c))
		for i := g * groupCols; i < (g+1)*groupCols; i++ {
			s.code[i] = int8(nearest(x[i]*inv, -n, n-1))
		}
	}
	return s
}

// fitScale returns the scale, of either sign, whose values scale·code, code in
// −n..n−1, come close to x. Each of 19 divisions of x's range, in which the
// value of largest magnitude is near −n, has its best scale by least squares
// weighted with the square of a value; the best is taken.
func fitScale(x []float32, n int) (scale float32) {
	m := float64(extreme(x))
	if m == 0 {
		return 0
	}
	best := 0.0
	for step := -9; step <= 9; step++ {
		inv := -(float64(n) + 0.1*float64(step)) / m
		var xc, cc float64
		for _, v := range x {
			v := float64(v)
			c := max(float64(-n), min(math.RoundToEven(v*inv), float64(n-1)))
			w := v / m * (v / m)
			xc, cc = xc+w*v*c, cc+w*c*c
		}
		if cc > 0 && xc*xc > best*cc {
			best, scale = xc*xc/cc, float32(xc/cc)
		}
	}
	return scale
}

// half rounds x as putHalf does.
func half(x float32) float32 { return putHalf(make([]byte, 2), x) }
