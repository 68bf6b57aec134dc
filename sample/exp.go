package sample

import "math"

// exp returns eˣ for x ≤ 0, the same bits on every platform, within one unit in the last place; below −708, where the
// result would leave the normal numbers, it returns 0. It is the method of FreeBSD's e_exp.c, with each product rounded
// by a conversion, because math.Exp is assembly on some platforms and fused multiply-adds on others.
func exp(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
		p1    = 1.66666666666666657415e-01
		p2    = -2.77777777770155933842e-03
		p3    = 6.61375632143793436117e-05
		p4    = -1.65339022054652515390e-06
		p5    = 4.13813679705723846039e-08
	)
	if x < -708 {
		return 0
	}
	// x = k·ln 2 + r with |r| ≤ ln(2)/2.
	k := int(float64(x*math.Log2E) - 0.5)
	hi := x - float64(float64(k)*ln2Hi)
	lo := float64(float64(k) * ln2Lo)
	r := hi - lo
	t := float64(r * r)
	c := p4 + float64(t*p5)
	c = p3 + float64(t*c)
	c = p2 + float64(t*c)
	c = p1 + float64(t*c)
	c = r - float64(t*c)
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return float64(y * math.Float64frombits(uint64(1023+k)<<52))
}
