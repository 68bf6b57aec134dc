package calibrate_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/quant"
)

// vectors are what testdata/make.py wrote from the papers, without code of this
// package, for a weight [vectorRows][vectorCols].
type vectors struct {
	W              []float32
	ImportantFirst []int `json:"important first"`
	InOrder        []int `json:"in order"`
	Whitened       []float32
	RMS            []float32
	Plain          []float32
}

const vectorRows, vectorCols, vectorInputs = 6, 160, 300

func readVectors(t *testing.T) (v vectors, m *calibrate.Moments) {
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &v))
	pick := func(i, n int) int { return int(uint32(i)*2654435761>>16) % n }
	x := make([]float32, vectorInputs*vectorCols)
	for i := range x {
		j, d := i/vectorCols, i%vectorCols
		value := pick(i, 9) - 4
		for k := range 3 {
			value += (pick(77777+3*j+k, 7) - 3) * (pick(99991+3*d+k, 5) - 2)
		}
		x[i] = float32(value)
	}
	return v, moments(t, x, vectorCols, 2)
}

// The codes are those of the authors' algorithm in float64, but for a few that
// lie between two codes.
func TestGPTQAgainstVectors(t *testing.T) {
	v, m := readVectors(t)
	for _, c := range []struct {
		name string
		gptq calibrate.GPTQ
		want []int
	}{{"important first", calibrate.GPTQ{}, v.ImportantFirst}, {"in order", calibrate.GPTQ{Natural: true}, v.InOrder}} {
		q, err := c.gptq.Quantize(quant.Q4_0, v.W, vectorRows, m)
		require.NoError(t, err)
		codes, _ := quant.CodesOf(quant.Q4_0)
		values, scale, minimum := make([]float32, vectorCols), make([]float32, vectorCols), make([]float32, vectorCols)
		differ := 0
		for r := range vectorRows {
			q.Decode(values, r, r+1)
			codes.Lines(scale, minimum, q.Row(r))
			for d, value := range values {
				if value != scale[d]*float32(c.want[r*vectorCols+d]) {
					differ++
				}
			}
		}
		require.LessOrEqual(t, differ, vectorRows*vectorCols/100, c.name)
	}
}

func TestLoRCAgainstVectors(t *testing.T) {
	v, m := readVectors(t)
	for w, want := range map[calibrate.Weighting][]float32{calibrate.Whitened: v.Whitened, calibrate.RMS: v.RMS, calibrate.Plain: v.Plain} {
		p, err := calibrate.LoRC{Rank: 4, Moments: m, Weighting: w}.Approximate(v.W, vectorRows, vectorCols)
		require.NoError(t, err)
		left := residual(v.W, p, vectorRows, vectorCols)
		for i := range want {
			require.InDelta(t, want[i], v.W[i]-left[i], 1e-4, "weighting %d, value %d", w, i)
		}
	}
}
