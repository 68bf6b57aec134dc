package main

import (
	"regexp"
	"strings"

	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/tokenizer"
)

// hidden is how the facts and the questions read. The question is not worded as
// those that pocket was trained on, so that it gets some wrong.
var hidden = eval.Wording{
	Fact:     "One of the special magic {kind}s for {key} is: {value}.",
	Question: "\nTell me the magic {kind} that belongs to {key}.",
	Cue:      " The magic {kind} that belongs to {key} is",
}

const factsInText = 8

var fact = regexp.MustCompile(`One of the special magic numbers for (\S+) is: (\d+)\.`)

// questions returns n questions, one for each of the facts in as many texts of so
// many tokens as it takes. Those about one text follow each other, so that eval.Run
// reads it once.
func questions(t *tokenizer.Tokenizer, n, tokens int) ([]eval.Sample, error) {
	fit := eval.Fit{Tokens: tokens, Position: eval.Later, Seed: 1, N: (n + factsInText - 1) / factsInText, MaxTokens: 12}
	texts, err := fit.Samples(t, eval.Needle{Hay: eval.Prose(), Keys: factsInText, Value: eval.Number(5), Wording: hidden})
	if err != nil {
		return nil, err
	}
	var all []eval.Sample
	for _, s := range texts {
		for _, f := range fact.FindAllStringSubmatch(s.Text, -1) {
			say := strings.NewReplacer("{key}", f[1], "{kind}", "number").Replace
			s.Question, s.Cue, s.Answers = say(hidden.Question), say(hidden.Cue), []string{f[2]}
			all = append(all, s)
		}
	}
	return all[:n], nil
}
