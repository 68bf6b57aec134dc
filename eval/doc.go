// Package eval judges what a cache keeps: it measures how well a model predicts
// a text under a configuration, and beside another.
//
//   - TextLoss is perplexity and bits per character, StridedLoss the same over
//     overlapping windows.
//   - Divergence compares logits with those of another session, such as one with
//     the full cache.
package eval
