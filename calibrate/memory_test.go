package calibrate_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// calibrationPeak returns the most memory in use while a model of so many layers
// is calibrated, beyond that before, and the bytes of what came out.
func calibrationPeak(t *testing.T, layers int) (peak, out int64) {
	c := testmodel.Tiny(2)
	c.HiddenSize, c.IntermediateSize, c.NumLayers = 128, 256, layers
	file, err := testmodel.GGUF(c, quant.F32, 1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "model.gguf")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	file = nil
	src, err := weights.Open(path)
	require.NoError(t, err)
	defer src.Close()
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	o := calibrate.Options{
		Format: layersTo(quant.Q4_0), GPTQ: &calibrate.GPTQ{}, Texts: texts(2, 40), Threads: 1,
		Progress: func(calibrate.Progress) { peak = max(peak, inUse()-before) },
	}
	r, err := calibrate.Quantize(t.Context(), src, o)
	require.NoError(t, err)
	for _, w := range r.Report {
		out += int64(w.Bytes)
	}
	return peak, out
}

// What a calibration holds beside its result does not grow with the layers.
func TestMemoryIsThatOfALayer(t *testing.T) {
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("files are read into memory where they cannot be mapped")
	}
	few, fewOut := calibrationPeak(t, 2)
	many, manyOut := calibrationPeak(t, 8)
	const layer = 4 * (2*128*128 + 2*64*128 + 3*256*128) // bytes in single precision
	t.Logf("%d KiB with 2 layers, %d KiB with 8, of which %d and %d are what comes out; a layer has %d KiB", few>>10, many>>10, fewOut>>10, manyOut>>10, layer>>10)
	require.Less(t, (many-manyOut)-(few-fewOut), int64(layer/2))
}
