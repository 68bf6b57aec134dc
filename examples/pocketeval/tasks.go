package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"

	"github.com/winnowlm/winnow/eval"
)

// task is a row of the table.
type task struct {
	name     string
	task     eval.Task
	position eval.Position
}

// answerTokens is room for seven digits with what stands around them.
const answerTokens = 12

func tasks(hay eval.Hay) []task {
	numbers := eval.Kind{Name: "number", Make: func(r *rand.Rand) string {
		return eval.Number(5 + r.IntN(3)).Make(r)
	}}
	needle := func(keys int, w eval.Wording) eval.Needle {
		return eval.Needle{Hay: hay, Keys: keys, Value: numbers, Wording: w, MaxTokens: answerTokens}
	}
	return []task{
		{"one needle", needle(1, eval.Wording{}), eval.After},
		{"one of 8 needles", needle(8, eval.Wording{}), eval.After},
		{"one needle, question before and after", needle(1, eval.Wording{}), eval.Around},
		{"one of 8 needles, question before and after", needle(8, eval.Wording{}), eval.Around},
		{"two hops, resolved in steps", steps{hay}, eval.After},
		{"two hops, all variables listed (RULER's question)", eval.Chain{Hay: hay, Hops: 2, NoExample: true, MaxTokens: 24}, eval.After},
		{"*other question:* Tell me the magic number that belongs to …", needle(1, belongs), eval.After},
		{"*other question:* … has a secret code. Which one?", needle(1, secret), eval.After},
		{"*other question, one of 8:* Tell me the magic number that belongs to …", needle(8, belongs), eval.After},
	}
}

// Questions that training did not have, about facts in forms that it had.
var (
	belongs = eval.Wording{
		Fact:     "One of the special magic {kind}s for {key} is: {value}.",
		Question: "\nTell me the magic {kind} that belongs to {key}.",
		Cue:      " The magic {kind} that belongs to {key} is",
	}
	secret = eval.Wording{
		Fact:     "The secret code of {key} is {value}.",
		Question: "\n{key} has a secret code. Which one?",
		Cue:      " {key} has the secret code",
	}
)

// steps asks for the value of the last variable of a chain. The answer goes
// back along the chain, so that each step is one retrieval; all must be right.
type steps struct{ hay eval.Hay }

// number is the only one in RULER's question.
var number = regexp.MustCompile(`\d+`)

// Sample implements eval.Task.
func (t steps) Sample(seed uint64, pieces, limit int) eval.Sample {
	s := eval.Chain{Hay: t.hay, Hops: 2, NoExample: true}.Sample(seed, pieces, limit)
	names, value := s.Answers, number.FindString(s.Question)
	last := len(names) - 1
	s.Question = fmt.Sprintf("\nQuestion: What is the value of VAR %s?", names[last])
	s.Cue = fmt.Sprintf(" Answer: VAR %s =", names[last])
	s.Answers = []string{""}
	for i := last - 1; i >= 0; i-- {
		s.Answers[0] += fmt.Sprintf(" VAR %s =", names[i])
	}
	s.Answers[0] += " " + value
	s.MaxTokens = 32
	return s
}
