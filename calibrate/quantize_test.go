package calibrate_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

func tiny(t testing.TB, f quant.Format) *weights.Source {
	file, err := testmodel.GGUF(testmodel.Tiny(2), f, 3)
	require.NoError(t, err)
	src, err := weights.OpenReaderAt(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	return src
}

func texts(n, tokens int) [][]int32 {
	rng := rand.New(rand.NewPCG(9, 9))
	all := make([][]int32, n)
	for i := range all {
		for range tokens {
			all[i] = append(all[i], int32(rng.IntN(300)))
		}
	}
	return all
}

func to(f quant.Format) func(weights.Info) quant.Format {
	return func(weights.Info) quant.Format { return f }
}

func layersTo(f quant.Format) func(weights.Info) quant.Format {
	return func(t weights.Info) quant.Format {
		if strings.HasPrefix(t.Name, "blk.") {
			return f
		}
		return nil
	}
}

func quantize(t testing.TB, o calibrate.Options) *calibrate.Result {
	r, err := calibrate.Quantize(t.Context(), tiny(t, quant.F32), o)
	require.NoError(t, err)
	return r
}

func TestRoundToNearest(t *testing.T) {
	src := tiny(t, quant.F32)
	r := quantize(t, calibrate.Options{Format: to(quant.Q4_0), Threads: 2})
	require.Len(t, r.Tensors, len(src.Infos()))
	require.Len(t, r.Report, 22)
	for i, info := range src.Infos() {
		was, err := src.Tensor(info.Name)
		require.NoError(t, err)
		require.Equal(t, info.Name, r.Tensors[i].Name)
		if len(info.Shape) != 2 {
			require.Equal(t, was, r.Tensors[i])
			continue
		}
		x := make([]float32, info.Shape[0]*info.Shape[1])
		quant.Matrix{Format: quant.F32, Rows: info.Shape[0], Cols: info.Shape[1], Data: was.Data}.Decode(x, 0, info.Shape[0])
		require.Equal(t, weights.Q4_0, r.Tensors[i].Type)
		require.Equal(t, quant.Pack(quant.Q4_0, x, info.Shape[0], info.Shape[1]).Data, r.Tensors[i].Data)
	}
	require.InDelta(t, 19, r.Report[3].SQNR, 3) // 4 bits of normal values
	require.Zero(t, r.Report[3].Output)
}

// Calibrated weights change each layer's output less than rounded ones, and
// corrected ones least, whatever the number of threads.
func TestQuantize(t *testing.T) {
	o := calibrate.Options{Format: layersTo(quant.Q4_0), GPTQ: &calibrate.GPTQ{}, Rank: 4, Texts: texts(5, 150), Threads: 1}
	r := quantize(t, o)
	require.Len(t, r.Report, 21)
	for _, w := range r.Report {
		require.Less(t, w.Output, w.Rounded, w.Name)
		require.Less(t, w.Corrected, w.Output, w.Name)
	}
	require.Len(t, r.Pairs, 42)
	o.Threads = 3
	require.Equal(t, r, quantize(t, o))
	o.GPTQ, o.Weighting = nil, calibrate.Plain
	plain := quantize(t, o)
	require.Equal(t, plain.Report[0].Rounded, plain.Report[0].Output)
	require.NotEqual(t, r.Pairs, plain.Pairs)
	require.Equal(t, weights.F32, r.Tensors[0].Type, "the embedding was not asked for")
}

// A calibration that was stopped goes on where it was, to the same result.
func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	o := calibrate.Options{Format: layersTo(quant.Q8_0), GPTQ: &calibrate.GPTQ{}, Rank: 2, Texts: texts(2, 80), Threads: 2}
	want := quantize(t, o)
	o.Checkpoint = path
	ctx, stop := context.WithCancel(t.Context())
	o.Progress = func(p calibrate.Progress) {
		if p.Weight == "blk.1.attn_k.weight" {
			stop()
		}
	}
	_, err := calibrate.Quantize(ctx, tiny(t, quant.F32), o)
	require.ErrorIs(t, err, context.Canceled)
	o.Progress = func(p calibrate.Progress) { require.NotContains(t, p.Weight, "blk.0.") }
	require.Equal(t, want, quantize(t, o))

	o.Rank = 3
	_, err = calibrate.Quantize(t.Context(), tiny(t, quant.F32), o)
	require.ErrorContains(t, err, "is that of another model, text or method")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o600))
	_, err = calibrate.Quantize(t.Context(), tiny(t, quant.F32), o)
	require.ErrorContains(t, err, "calibrate: checkpoint "+path)
	names, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Equal(t, []string{path}, names, "nothing else is left behind")
}

func TestQuantizeMistakes(t *testing.T) {
	run := func(o calibrate.Options) error {
		_, err := calibrate.Quantize(t.Context(), tiny(t, quant.F32), o)
		return err
	}
	require.ErrorContains(t, run(calibrate.Options{Format: to(quant.Q8_0), GPTQ: &calibrate.GPTQ{}}), "needs texts")
	require.ErrorContains(t, run(calibrate.Options{Format: to(quant.Int8)}), `GGUF has no type int8`)
	require.ErrorContains(t, run(calibrate.Options{Format: to(quant.Q4_K)}), "rows of 64 values, want a multiple of q4_k's block of 256")
	require.ErrorContains(t, run(calibrate.Options{Format: to(quant.Q8_0), Texts: [][]int32{{300}}}), "token 0 has id 300")
	require.Panics(t, func() { run(calibrate.Options{}) })
}
