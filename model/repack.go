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
	t := &repackTask{from: m, data: make([]byte, twin.Size(m.Rows, m.Cols))}
	ld.pool.Run((m.Rows+rowsPerTask-1)/rowsPerTask, t)
	if t.failed.Load() {
		return m
	}
	m.Format, m.Data = twin, t.data
	return m
}

type repackTask struct {
	from   quant.Matrix
	data   []byte
	failed atomic.Bool
}

func (t *repackTask) Do(_, i int) {
	lo, hi := taskRows(i, t.from.Rows)
	if !t.from.Repack(t.data, lo, hi) {
		t.failed.Store(true)
	}
}
