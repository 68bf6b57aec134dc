package quant

// Twin returns the format that a matrix in f is better multiplied in, and
// whether there is one. It takes more memory, up to 2.1 times as much, and has
// the same values: Repack rounds nothing.
func Twin(f Format) (Format, bool) {
	switch f {
	case Q5_0, IQ4_NL, MXFP4: // whole numbers of 8 bits times a scale
		return Q8_0, true
	case Q3_K: // codes and scales that are those of Q6_K too
		return Q6_K, true
	case Q4_1:
		return wideQ4_1, true
	case Q5_1:
		return wideQ5_1, true
	case Q5_K:
		return wideQ5_K, true
	case Int8:
		return wideInt8, true
	case Int8Tensor:
		return wideInt8Tensor, true
	}
	return f, false
}

// Repack writes rows lo..hi of m to dst, which holds the whole matrix in m's
// twin. It reports false where a value has no place in the twin: MXFP4 knows
// powers of two that half precision does not. Disjoint ranges may be repacked at
// the same time.
func (m Matrix) Repack(dst []byte, lo, hi int) bool {
	if m.Format == Q3_K { // in less memory than recoded as Q8_0
		packQ3_K(dst[Q6_K.Size(lo, m.Cols):], m.Data[Q3_K.Size(lo, m.Cols):Q3_K.Size(hi, m.Cols)])
		return true
	}
	f := m.Format.(recoder)
	r, _ := layRecoded(f, dst, m.Rows, m.Cols)
	for j := lo; j < hi; j++ {
		if !f.recode(r.from(j), m, j) {
			return false
		}
	}
	return true
}

// wide is the layout of a matrix whose rows were recoded once and for all.
type wide struct{ of recoder }

var (
	wideQ4_1       Format = &wide{Q4_1.(recoder)}
	wideQ5_1       Format = &wide{Q5_1.(recoder)}
	wideQ5_K       Format = &wide{Q5_K.(recoder)}
	wideInt8       Format = &wide{Int8.(recoder)}
	wideInt8Tensor Format = &wide{Int8Tensor.(recoder)}
)

func (f *wide) Name() string            { return f.of.Name() + "-wide" }
func (f *wide) Block() int              { return max(f.of.Block(), blockCols) }
func (f *wide) Size(rows, cols int) int { return recodedSize(f.of, rows, cols) }

func (f *wide) Encode(dst []byte, src []float32, rows, cols int) {
	Pack(f.of, src, rows, cols).Repack(dst, 0, rows)
}

func (f *wide) Decode(dst []float32, m Matrix, lo, hi int) {
	r, _ := layRecoded(f.of, m.Data, m.Rows, m.Cols)
	r.in.Decode(dst, Matrix{Format: r.in, Rows: m.Rows, Cols: m.Cols, Data: r.parts[0]}, lo, hi)
	for j := lo; j < hi; j++ {
		r, row := r.from(j), dst[(j-lo)*m.Cols:][:m.Cols]
		if r.mins != nil {
			for d := range row {
				row[d] -= getFloat(r.mins[d/groupCols*4:])
			}
		}
		if r.lines != nil {
			r.line(0).values(row)
		}
	}
}

func (f *wide) MulT(dst []float32, ld int, x *Input, m Matrix, lo, hi int) {
	if !x.coded {
		decodedMulT(dst, ld, x, m, lo, hi)
		return
	}
	s := recodedScratches.Get().(*recodedScratch)
	defer recodedScratches.Put(s)
	r, _ := layRecoded(f.of, m.Data, m.Rows, m.Cols)
	s.add(f.of, x)
	// A part's outputs are touched again while they are in the cache.
	step := max(32, (32<<10)/max(x.N, 1)/32*32)
	for j := lo; j < hi; j += step {
		s.mul(r.from(j), dst[j-lo:], ld, x, min(step, hi-j))
	}
}

func (f *wide) MulAdd(dst, p []float32, ld, n int, m Matrix, lo, hi int) {
	decodedMulAdd(dst, p, ld, n, m, lo, hi)
}
