package quant

// Twin returns the format that a matrix in f is better multiplied in, and
// whether there is one. It takes more memory and has the same values, so Repack
// rounds nothing: Q5_0 and IQ4_NL are 8-bit integers times a scale in half
// precision, which is what Q8_0 stores.
func Twin(f Format) (Format, bool) {
	if f == Q5_0 || f == IQ4_NL {
		return Q8_0, true
	}
	return f, false
}

// Repack writes rows lo..hi of m to dst, which holds the whole matrix in m's
// twin. Disjoint ranges may be repacked at the same time.
func (m Matrix) Repack(dst []byte, lo, hi int) {
	from, to := m.Format.(*blockFormat), Q8_0.(*blockFormat)
	src, dst := m.Data[from.Size(lo, m.Cols):from.Size(hi, m.Cols)], dst[to.Size(lo, m.Cols):to.Size(hi, m.Cols)]
	b := blocks.Get().(*block)
	defer blocks.Put(b)
	for len(src) > 0 {
		from.unpack(b, src[:from.bytes])
		copy(dst, src[:2]) // the scale
		for i, c := range b.code[:blockCols] {
			dst[2+i] = byte(c)
		}
		src, dst = src[from.bytes:], dst[to.bytes:]
	}
}
