package sample

import (
	"cmp"
	"math"
	"slices"
)

// candidate is a token that may still be chosen. Lists of candidates are in order of id.
type candidate struct {
	id     int32
	logit  float32 // neither −Inf nor NaN
	weight float64 // exp((logit − max)/t): the probability but for a factor
}

// weigh sets the weights at temperature t; max is the greatest logit.
func weigh(c []candidate, max float32, t float64) {
	for i := range c {
		c[i].weight = weight(c[i].logit, max, t)
	}
}

func weight(logit, max float32, t float64) float64 {
	if logit == max { // where both are +Inf the difference is NaN
		return 1
	}
	return exp((float64(logit) - float64(max)) / t)
}

func sum(c []candidate) float64 {
	var z float64
	for i := range c {
		z += c[i].weight
	}
	return z
}

// topK appends to c the TopK tokens that rank first, or, where that is off, every token above −Inf.
func (s *Sampler) topK(c []candidate, logits []float32) []candidate {
	k := s.o.TopK
	if k == 0 || k >= len(logits) {
		for i, x := range logits {
			if x > float32(math.Inf(-1)) {
				c = append(c, candidate{id: int32(i), logit: x})
			}
		}
		return c
	}
	// The heap holds the complements of ranks, so its root is the last of those kept. Ids ascend: a later token with the
	// root's logit ranks after it, and comparing logits is enough.
	h, last := s.heap[:0], float32(math.Inf(-1))
	for i, x := range logits {
		if !(x > last) {
			continue
		}
		if len(h) < k {
			h = append(h, ^rankOf(x, int32(i)))
			if len(h) < k {
				continue
			}
			heapify(h)
		} else {
			h[0] = ^rankOf(x, int32(i))
			siftDown(h, 0)
		}
		last = (^h[0]).logit()
	}
	slices.SortFunc(h, func(a, b rank) int { return cmp.Compare((^a).id(), (^b).id()) })
	for _, r := range h {
		c = append(c, candidate{id: (^r).id(), logit: (^r).logit()})
	}
	s.heap = h
	return c
}

// topP keeps, in place, the shortest run of first-ranking candidates that holds TopP of the weight. The weights are
// those at temperature 1.
func (s *Sampler) topP(c []candidate, max float32) []candidate {
	p := float64(s.o.TopP)
	if p == 0 || p == 1 {
		return c
	}
	// Candidates below the floor hold less than (1−p)/2 of the weight together, so the others hold more than p of it
	// with a margin that no rounding uses up: the run ends among those.
	z := sum(c)
	floor := (1 - p) / 2 * z / float64(len(c))
	h := s.heap[:0]
	for i := range c {
		if c[i].weight >= floor {
			h = append(h, rankOf(c[i].logit, c[i].id))
		}
	}
	s.heap = h
	heapify(h)
	want := float64(p * z)
	acc := weight(h[0].logit(), max, 1)
	for acc < want {
		h[0] = h[len(h)-1]
		h = h[:len(h)-1]
		siftDown(h, 0)
		acc += weight(h[0].logit(), max, 1)
	}
	kept := c[:0]
	for i := range c {
		if rankOf(c[i].logit, c[i].id) >= h[0] {
			kept = append(kept, c[i])
		}
	}
	return kept
}

// minP keeps, in place, the candidates whose weight, at temperature 1, is at least MinP: the first-ranking one has 1.
func (s *Sampler) minP(c []candidate) []candidate {
	kept := c[:0]
	for i := range c {
		if c[i].weight >= float64(s.o.MinP) {
			kept = append(kept, c[i])
		}
	}
	return kept
}
