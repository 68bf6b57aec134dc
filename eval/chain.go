package eval

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Chain assigns a number to a variable, that variable to another, and so on,
// and asks for all variables with the number: RULER's variable tracking. The
// zero value is its vt: one chain of four hops in noise, after an example.
type Chain struct {
	Hay       Hay
	Hops      int  // assignments of a variable to the next; 0: 4
	Chains    int  // the first is asked for; 0: 1
	NoExample bool // leave out the solved example that comes first
	MaxTokens int  // of an answer; 0: 30
}

func (t Chain) filled() Chain {
	if t.Hops == 0 {
		t.Hops = 4
	}
	if t.Chains == 0 {
		t.Chains = 1
	}
	if t.MaxTokens == 0 {
		t.MaxTokens = 30
	}
	t.Hay = t.Hay.filled()
	return t
}

// examplePieces is the length of an example's haystack, examplePieces and
// exampleLetters of its variables RULER's.
const (
	examplePieces  = 5
	exampleLetters = 3
	nameLetters    = 5
)

// Sample implements Task.
func (t Chain) Sample(seed uint64, pieces, _ int) Sample {
	t = t.filled()
	s := t.build(random(seed, ofFacts), t.Hay.stack(seed, pieces), nameLetters)
	if !t.NoExample {
		r := random(seed, ofExample)
		e := t.build(r, t.Hay.stack(r.Uint64(), examplePieces), exampleLetters)
		s.Intro = e.Prompts(After)[0] + " " + strings.Join(e.Answers, " ") + "\n\n" + s.Intro
	}
	return s
}

func (t Chain) build(r *rand.Rand, stack []string, length int) Sample {
	seen := map[string]bool{}
	name := func() string {
		return distinct(seen, func() string { return letters(r, 'A', length) })
	}
	value := func() string {
		return distinct(seen, func() string { return strconv.Itoa(10000 + r.IntN(89999)) })
	}
	var asked string
	var answers []string
	for c := range t.Chains {
		from := value()
		if c == 0 {
			asked = from
		}
		facts := make([]string, t.Hops+1)
		for i := range facts {
			to := name()
			facts[i] = fmt.Sprintf("VAR %s = %s", to, from)
			from = "VAR " + to
			if c == 0 {
				answers = append(answers, to)
			}
		}
		stack = insert(stack, facts, spread(r, len(facts), len(stack)))
	}
	return Sample{
		Intro:    "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n",
		Text:     strings.Join(stack, t.Hay.join),
		Question: fmt.Sprintf("\nQuestion: Find all variables that are assigned the value %s in the text above.", asked),
		Cue: fmt.Sprintf(" Answer: According to the chain(s) of variable assignment in the text above, %d variables are assigned the value %s, they are:",
			len(answers), asked),
		Answers:   answers,
		MaxTokens: t.MaxTokens,
	}
}
