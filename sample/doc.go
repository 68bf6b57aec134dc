// Package sample picks the next token from a model's logits.
//
// A [Sampler] holds the random stream and the recent tokens of one sequence. Each step hands it the logits of the next
// token, [vocab] float32, and then, once the token is taken, the token itself:
//
//	token, err := s.Next(logits)
//	...
//	s.Accept(token)
//
// # Order
//
// The steps follow llama.cpp's default chain: mask, logit bias, penalties, top-k, top-p, min-p, temperature. Top-p and
// min-p therefore see the probabilities at temperature 1, after top-k has renormalized them. Hugging Face transformers
// divides by the temperature first, so that there a high temperature lets more tokens through top-p and min-p; it also
// keeps every token that ties with the k-th, and penalizes repetition over the whole sequence where the default here is
// the last 64 tokens. The formula of the repetition penalty is the same in both (CTRL, arXiv:1909.05858, with negative
// logits multiplied); the presence and frequency penalties are those of the OpenAI API.
//
// Tokens with equal logits are ordered by id, the lower first, everywhere: in the greedy choice, in top-k and in top-p.
//
// # Reproducibility
//
// The same seed and the same logits give the same tokens on every platform, with any number of threads and any version
// of Go. The stream is the PCG of math/rand/v2 seeded with (Seed, 0). Each token sampled takes one Float64 u from it,
// also when only one token is left to choose from; a greedy choice and a call that fails take none. The token is the
// first in order of id at which the cumulative weight exceeds u times the sum of weights, so a filter that removes
// nothing changes nothing. All weights are float64 from an exponential that this package computes itself, because that
// of package math rounds differently from one architecture to another.
//
// # Odd logits
//
// A NaN logit counts as −Inf, and a token at −Inf is never chosen; when there is no other, [Sampler.Next] returns
// [ErrNoToken]. If logits are +Inf, one of them is chosen, each with the same probability.
package sample
