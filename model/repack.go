package model

import (
	"sync/atomic"

	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// WeightBytes returns what the tensors of src take in an opened model: as much
// as in the file, but for those that are repacked, or were in FP8.
func WeightBytes(src *weights.Source) int64 {
	n := src.Bytes()
	for _, t := range src.Infos() {
		if len(t.Shape) == 2 && encodingOf(t.Type) != nil {
			n += int64(fp8Format(t.Shape[1]).Size(t.Shape[0], t.Shape[1])) - t.Size
			continue
		}
		f, err := quant.ByName(t.Type.String())
		if err != nil {
			continue
		}
		if twin, ok := quant.Twin(f); ok {
			n += t.Size/int64(f.Size(1, f.Block()))*int64(twin.Size(1, f.Block())) - t.Size
		}
	}
	return n
}

// repacked returns m in its format's twin, if there is one.
func (ld *loader) repacked(m quant.Matrix) quant.Matrix {
	twin, ok := quant.Twin(m.Format)
	if !ok || m.Cols%twin.Block() != 0 {
		return m
	}
	data := make([]byte, twin.Size(m.Rows, m.Cols))
	if !ld.rows(m.Rows, func(lo, hi int) bool { return m.Repack(data, lo, hi) }) {
		return m
	}
	return quant.Matrix{Format: twin, Rows: m.Rows, Cols: m.Cols, Data: data}
}

// rows has all threads convert a matrix, some rows at a time, and reports whether
// convert always did.
func (ld *loader) rows(n int, convert func(lo, hi int) bool) bool {
	t := &rowsTask{n: n, convert: convert}
	ld.pool.Run((n+rowsAtOnce-1)/rowsAtOnce, t)
	return !t.failed.Load()
}

// rowsAtOnce is how many rows one call of a rowsTask converts.
const rowsAtOnce = 32

type rowsTask struct {
	n       int
	convert func(lo, hi int) bool
	failed  atomic.Bool
}

func (t *rowsTask) Do(_, i int) {
	if !t.convert(i*rowsAtOnce, min((i+1)*rowsAtOnce, t.n)) {
		t.failed.Store(true)
	}
}
