package eval

import (
	"fmt"
	"math"
)

// z bounds 95 % of a normal distribution.
const z = 1.959964

// Mean is an average of n scores between 0 and 1 with its 95 % interval.
type Mean struct {
	Score     float64
	Low, High float64
	N         int
}

// String writes percents, such as "85.0 % (64.0 to 94.8)".
func (m Mean) String() string {
	return fmt.Sprintf("%.1f %% (%.1f to %.1f)", 100*m.Score, 100*m.Low, 100*m.High)
}

// binomial returns Wilson's interval for a share, which unlike the normal one
// stays within 0 and 1 and is sound for few samples. Scores between 0 and 1
// vary no more than hits and misses of the same mean, so that it holds for
// means of partial scores too.
func binomial(mean float64, n int) Mean {
	if n == 0 {
		return Mean{Score: math.NaN(), High: 1}
	}
	k := z * z / float64(n)
	mid := (mean + k/2) / (1 + k)
	half := math.Sqrt(k*(mean*(1-mean)+k/4)) / (1 + k)
	return Mean{Score: mean, Low: max(0, min(mean, mid-half)), High: min(1, max(mean, mid+half)), N: n}
}

// Delta is the mean of paired differences with its 95 % interval.
type Delta struct {
	Mean      float64
	Low, High float64
	N         int
}

func delta(diff []float64) Delta {
	n := float64(len(diff))
	mean, square := 0.0, 0.0
	for _, x := range diff {
		mean += x
	}
	mean /= n // NaN if there is none
	for _, x := range diff {
		square += (x - mean) * (x - mean)
	}
	half := math.Inf(1)
	if n > 1 {
		half = z * math.Sqrt(square/(n-1)/n)
	}
	return Delta{Mean: mean, Low: mean - half, High: mean + half, N: len(diff)}
}
