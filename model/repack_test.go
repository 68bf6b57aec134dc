package model

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

func TestWeightBytesCountsWhatIsRepacked(t *testing.T) {
	const rows, cols = 70, 64
	var file bytes.Buffer
	m := quant.Pack(quant.Q5_0, make([]float32, rows*cols), rows, cols)
	require.NoError(t, weights.WriteGGUF(&file, nil, []weights.Tensor{
		{Name: "a", Type: weights.Q5_0, Shape: []int{rows, cols}, Data: m.Data},
		{Name: "b", Type: weights.F32, Shape: []int{4}, Data: make([]byte, 16)},
	}))
	src, err := weights.OpenReaderAt(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	defer src.Close()
	pool := par.New(2)
	defer pool.Close()
	ld := loader{src: src, pool: pool}
	got := ld.matrix("a", rows, cols)
	require.NoError(t, ld.err)
	require.Equal(t, quant.Q8_0, got.Format)
	require.EqualValues(t, len(got.Data)+16, WeightBytes(src))
}
