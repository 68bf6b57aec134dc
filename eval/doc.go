// Package eval judges what a cache keeps: it asks a model questions about long
// texts and measures how well it predicts one, under a configuration and beside
// another.
//
//   - Tasks (Needle, Chain, Common, Frequent) generate samples in the manner of
//     RULER (Hsieh et al. 2024, arXiv 2404.06654), whose settings RULER lists.
//     Fit cuts samples to a length in tokens, Run has them answered, Summarize
//     scores.
//   - AB runs the same samples under two configurations, Pair compares them.
//   - Grid is the needle in a haystack over lengths and depths.
//   - TextLoss is perplexity and bits per character, StridedLoss the same over
//     overlapping windows.
//   - Divergence compares logits with those of another session, such as one with
//     the full cache.
//
// Samples follow from a seed, and need no file and no network.
package eval
