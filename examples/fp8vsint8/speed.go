package main

import (
	"time"

	"github.com/winnowlm/winnow/quant"
)

// speed is what multiplying with cached rows takes, and their size.
type speed struct {
	format    quant.Format
	keys, val time.Duration // of 4096 rows
}

// time multiplies a query with 4096 cached rows, the best of some tries.
func (st *study) time(dim int) {
	const rows = 4096
	x, p := make([]float32, rows*dim), make([]float32, rows)
	for i := range x {
		x[i] = float32(i%17) - 8
	}
	for _, f := range []quant.Format{quant.F16, quant.Int8, quant.Int8Group, quant.FP8E4M3, quant.FP8E4M3Group, quant.FP8E5M2} {
		m := quant.Pack(f, x, rows, dim)
		var in quant.Input
		in.Set(x[:dim], 1, dim)
		best := speed{f, time.Hour, time.Hour}
		for range 20 {
			begin := time.Now()
			m.MulT(p, rows, &in, 0, rows)
			best.keys = min(best.keys, time.Since(begin))
			begin = time.Now()
			m.MulAdd(make([]float32, dim), p, rows, 1, 0, rows)
			best.val = min(best.val, time.Since(begin))
		}
		st.speeds = append(st.speeds, best)
	}
}

// speed returns what was measured of a format.
func (st *study) speed(f quant.Format) speed {
	for _, s := range st.speeds {
		if s.format == f {
			return s
		}
	}
	return speed{}
}
