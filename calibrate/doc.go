// Package calibrate makes weights small with the help of text: it reads the
// text through the model, one layer at a time, and chooses for each weight the
// codes that change the layer's output least.
//
//   - Quantize runs over a whole model: rounding to nearest or GPTQ, with LoRC on
//     top, resumable, deterministic.
//   - GPTQ and LoRC are the methods for a single weight, Moments the statistics
//     of its input that they need.
//   - Dense and FromDense exchange weights, cached rows and logits with
//     gorgonia.org/tensor.
//
// It stands above model, and nothing below it imports gorgonia or gonum: programs
// that only run models do not carry them.
package calibrate
