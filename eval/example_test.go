package eval_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/tokenizer"
)

// The model of these examples has weights that are written down: it can only
// find where the last two words stood before, and go on from there.
func retriever() (*winnow.Model, error) {
	file, err := testmodel.Retriever(quant.F16)
	if err != nil {
		return nil, err
	}
	return winnow.LoadReaderAt(bytes.NewReader(file), int64(len(file)), winnow.Options{})
}

// What a window costs where a text comes back to its beginning: it acts after
// the prompt, and the last words are read as if they were generated.
func ExampleDivergence() {
	m, err := retriever()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	text, needles := testmodel.Haystack(1, 400, 0.2, 0.7)
	text += needles[0].Question() + needles[0].Value
	ids := m.Tokenizer().Encode(text, tokenizer.EncodeOptions{})
	full, err := m.NewSession(kvcache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	cut, err := m.NewSession(kvcache.Config{Policy: policy.Window{Sink: 4, Recent: 60}})
	if err != nil {
		log.Fatal(err)
	}
	d, err := eval.Divergence(context.Background(), full, cut, ids, eval.Reading{Prompt: len(ids) - 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("mean loss %.1f nats with the full cache; a window prefers the same for %d of %d words\n", d.Reference.Mean(), d.Same, len(d.KL))
	// Output: mean loss 0.0 nats with the full cache; a window prefers the same for 1 of 3 words
}

// A needle task in a model's own words, at a length of 300 tokens, with the
// full cache and with a fifth of it, the question in the prompt and after it.
func ExampleRun() {
	m, err := retriever()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	words := testmodel.Words()
	word := func(r *rand.Rand) string { return words[3+r.IntN(len(words)-3)] }
	task := eval.Needle{
		Hay:       eval.Pieces("", func(r *rand.Rand) string { return " " + word(r) }),
		Key:       eval.Kind{Name: "name", Make: word},
		Value:     eval.Kind{Name: "code", Make: word},
		Wording:   eval.Wording{Fact: " the code of {key} is {value} .", Cue: " the code of {key} is"},
		MaxTokens: 3,
	}
	samples, err := eval.Fit{Tokens: 300, N: 5}.Samples(m.Tokenizer(), task)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range []kvcache.Policy{nil, policy.SnapKV{Budget: 60, Kernel: 7}} {
		setup := eval.Setup{Model: m, Cache: func(int) kvcache.Config { return kvcache.Config{Policy: p} }}
		for _, position := range []eval.Position{eval.After, eval.Later} {
			var results []eval.Result
			for r, err := range eval.Run(context.Background(), setup, samples, position) {
				if err != nil {
					log.Fatal(err)
				}
				results = append(results, r)
			}
			fmt.Printf("%T, question %v: %v\n", p, position, eval.Summarize(results))
		}
	}
	// Output:
	// <nil>, question after: 100.0 % (56.6 to 100.0)
	// <nil>, question later: 100.0 % (56.6 to 100.0)
	// policy.SnapKV, question after: 100.0 % (56.6 to 100.0)
	// policy.SnapKV, question later: 20.0 % (3.6 to 62.4)
}
