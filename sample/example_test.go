package sample_test

import (
	"fmt"
	"math"

	"github.com/winnowlm/winnow/sample"
)

func Example() {
	s, err := sample.New(sample.Options{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05, RepeatPenalty: 1.1, Seed: 42})
	if err != nil {
		panic(err)
	}
	s.Accept(1, 4) // the prompt
	logits := []float32{1.5, 0.5, 2, 1, -3}
	for range 5 {
		token, err := s.Next(logits) // a model would compute new logits at each step
		if err != nil {
			panic(err)
		}
		s.Accept(token)
		fmt.Print(token, " ")
	}
	// Output: 0 2 0 0 2
}

func ExampleOptions_mask() {
	even := func(logits []float32) {
		for i := 1; i < len(logits); i += 2 {
			logits[i] = float32(math.Inf(-1))
		}
	}
	s, err := sample.New(sample.Options{Mask: even})
	if err != nil {
		panic(err)
	}
	token, err := s.Next([]float32{1, 9, 3, 8})
	fmt.Println(token, err)
	// Output: 2 <nil>
}
