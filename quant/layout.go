package quant

import "github.com/winnowlm/winnow/internal/vec"

// layout is a format whose rows are those of a plain one, byte for byte, but do
// not lie one after another.
type layout interface {
	Format
	plain() Format
	// appendRow appends row j as the plain format has it to dst.
	appendRow(dst []byte, m Matrix, j int) []byte
	// setRow makes row j of m, which is still being made, the plain format's row.
	setRow(m Matrix, j int, row []byte)
	// copyRows is CopyRows for a matrix that is still being made.
	copyRows(m Matrix, i int, from Matrix, rows []int32)
}

// Keys returns the layout in which a cache keeps blocks of keys of cols channels
// that are in f on this machine, f itself if there is no better one. It takes as
// many bytes and has the same values.
func Keys(f Format, cols int) Format {
	switch {
	case f == F16:
		return f16Columns
	case f == BF16:
		return bf16Columns
	case f == Int8 && vec.HasFours() && cols%4 == 0 && cols <= foursMost:
		return int8Keys
	}
	return f
}

// Values is Keys for values, in blocks of at most 512 rows.
func Values(f Format) Format {
	if f == Int8 && vec.HasFours() {
		return int8Values
	}
	return f
}

// CopyRows makes rows i, i+1, … of m, which is still being made, some rows of
// from, a matrix of the same format and width. What rows share in a header is
// not copied.
func (m Matrix) CopyRows(i int, from Matrix, rows []int32) {
	if l, ok := m.Format.(layout); ok {
		l.copyRows(m, i, from, rows)
		return
	}
	for n, j := range rows {
		copy(m.Row(i+n), from.Row(int(j)))
	}
}

// As returns m in f, which is m's format, or its plain format, or a layout of it.
func (m Matrix) As(f Format) Matrix {
	if m.Format == f {
		return m
	}
	to := Matrix{Format: f, Rows: m.Rows, Cols: m.Cols, Data: make([]byte, len(m.Data))}
	if l, ok := f.(layout); ok {
		for j := range m.Rows {
			l.setRow(to, j, m.Row(j))
		}
		return to
	}
	for j := range m.Rows {
		m.Format.(layout).appendRow(to.Row(j)[:0], m, j)
	}
	return to
}
