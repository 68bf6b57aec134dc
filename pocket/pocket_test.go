package pocket

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// score is the share of right answers about needles that training has not seen.
func score(t *testing.T, m *winnow.Model, n int, p kvcache.Policy) float64 {
	samples, err := eval.Fit{Tokens: 400, N: n, Seed: 1}.Samples(m.Tokenizer(), eval.Needle{Hay: eval.Prose(), MaxTokens: 10})
	require.NoError(t, err)
	setup := eval.Setup{Model: m, Cache: func(int) kvcache.Config { return kvcache.Config{Policy: p} }}
	var results []eval.Result
	for r, err := range eval.Run(t.Context(), setup, samples, eval.After) {
		require.NoError(t, err)
		results = append(results, r)
	}
	return eval.Summarize(results).Score
}

// snap keeps wide neighbourhoods: the values have seven digits, a token each,
// and the question attends to the first.
var snap = policy.SnapKV{Budget: 128, Kernel: 21}

func TestRetrieves(t *testing.T) {
	m, err := Open(winnow.Options{})
	require.NoError(t, err)
	defer m.Close()
	require.Less(t, len(file), 13<<20)
	n := 6
	if testing.Short() {
		n = 2
	}
	require.Equal(t, 1.0, score(t, m, n, nil))
	require.Equal(t, 1.0, score(t, m, n, snap))
	require.Zero(t, score(t, m, 2, policy.Window{Sink: 4, Recent: 60}), "a window does not know what it dropped")
}

// The same model in half precision answers as well.
func TestF16(t *testing.T) {
	half := f16(t)
	m, err := winnow.LoadReaderAt(bytes.NewReader(half), int64(len(half)), winnow.Options{})
	require.NoError(t, err)
	defer m.Close()
	require.Equal(t, 1.0, score(t, m, 2, nil))
}

// f16 returns the model's file with all matrices in F16.
func f16(t *testing.T) []byte {
	src, err := weights.OpenReaderAt(strings.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	defer src.Close()
	var meta []weights.KV
	for _, key := range slices.Sorted(maps.Keys(src.Meta)) {
		meta = append(meta, weights.KV{Key: key, Value: src.Meta[key]})
	}
	var tensors []weights.Tensor
	for w, err := range src.Tensors() {
		require.NoError(t, err)
		if len(w.Shape) == 2 {
			require.Equal(t, weights.Q8_0, w.Type, w.Name)
			m, err := quant.New(quant.Q8_0, w.Shape[0], w.Shape[1], w.Data)
			require.NoError(t, err)
			x := make([]float32, m.Rows*m.Cols)
			m.Decode(x, 0, m.Rows)
			w.Type, w.Data = weights.F16, quant.Pack(quant.F16, x, m.Rows, m.Cols).Data
		}
		tensors = append(tensors, w)
	}
	var out bytes.Buffer
	require.NoError(t, weights.WriteGGUF(&out, meta, tensors))
	return out.Bytes()
}
