package sample_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/sample"
)

func FuzzNext(f *testing.F) {
	f.Add([]byte{0, 0, 128, 63, 0, 0, 192, 127, 0, 0, 128, 255}, float32(1), 2, float32(0.9), float32(0.1), float32(1.1), float32(0.5), uint64(1))
	f.Add([]byte{0, 0, 128, 127, 255, 255, 127, 127}, float32(1e-40), 1, float32(1e-30), float32(1), float32(1e-40), float32(3e38), uint64(2))
	f.Add([]byte{}, float32(0), 0, float32(0), float32(0), float32(0), float32(0), uint64(3))
	f.Fuzz(func(t *testing.T, raw []byte, temperature float32, topK int, topP, minP, repeat, penalty float32, seed uint64) {
		logits := make([]float32, len(raw)/4)
		for i := range logits {
			logits[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		before := bits(logits)
		o := sample.Options{Temperature: temperature, TopK: topK, TopP: topP, MinP: minP, RepeatPenalty: repeat,
			PresencePenalty: penalty, FrequencyPenalty: penalty, PenaltyWindow: 3, Seed: seed}
		s, err := sample.New(o)
		if err != nil {
			return
		}
		for step := range 6 {
			clone := s.Clone()
			id, err := s.Next(logits)
			require.Equal(t, before, bits(logits), "Next changed the logits")
			again, errAgain := clone.Next(logits)
			require.Equal(t, id, again)
			require.Equal(t, err, errAgain)
			if err != nil {
				require.EqualValues(t, -1, id)
				return
			}
			require.True(t, id >= 0 && int(id) < len(logits), "token %d of %d", id, len(logits))
			x := logits[id]
			require.Greater(t, x, float32(math.Inf(-1)), "token %d", id) // false for NaN
			if step == 0 && topK > 0 {
				ahead := 0
				for j, y := range logits {
					if y > x || y == x && j < int(id) {
						ahead++
					}
				}
				require.Less(t, ahead, topK, "token %d is not among the top %d", id, topK)
			}
			s.Accept(id)
		}
	})
}

func bits(logits []float32) []uint32 {
	b := make([]uint32, len(logits))
	for i, x := range logits {
		b[i] = math.Float32bits(x)
	}
	return b
}
