package eval

import (
	"math/rand/v2"
	"strings"
)

// Task generates samples. What is here are RULER's tasks, with its wording
// (Apache License 2.0, Copyright 2024 NVIDIA CORPORATION; shortened to
// templates) but words and random numbers of our own: samples are not those of
// the Python code, only of the same kind.
type Task interface {
	// Sample returns the sample of a seed whose haystack has so many pieces, at
	// least 1: the more, the longer it is. Limit is the number of tokens that it
	// is to fit in, for tasks that are another thing when short.
	Sample(seed uint64, pieces, limit int) Sample
}

// Sample is a question about a long text, in the parts that a prompt is made
// of. Each part brings the space or newline between it and the one before.
type Sample struct {
	Intro    string   // what is to be done
	Text     string   // the haystack, with what is hidden in it
	Question string   // begins with a newline
	Cue      string   // the beginning of the answer, which the model goes on with
	Answers  []string // what the answer should contain
	Any      bool     // one of the answers is enough

	MaxTokens int // that an answer may have
}

// Position is where the question stands, which decides what a policy knows of
// it when it chooses what to keep.
type Position int

const (
	// After puts the question at the end of the prompt, within the observation
	// window of the policies that have one.
	After Position = iota
	// Around puts it before the text too.
	Around
	// Later has the text read, and compressed, as a prompt of its own before the
	// question comes as the next: outside every observation window.
	Later
	// Before is Later with the question before the text: a policy may keep what
	// the model found worth attending to with it in mind. The cue comes later.
	Before
)

// String returns the name of the position in lower case.
func (p Position) String() string { return [...]string{"after", "around", "later", "before"}[p] }

// Prompts returns the sample as one prompt or two, the second of which is read
// when the policy has acted on the first.
func (s Sample) Prompts(p Position) []string {
	question := strings.TrimPrefix(s.Question, "\n") + "\n"
	switch p {
	case Around:
		return []string{question + s.Intro + s.Text + s.Question + s.Cue}
	case Later:
		return []string{s.Intro + s.Text, s.Question + s.Cue}
	case Before:
		return []string{question + s.Intro + s.Text, "\n" + strings.TrimPrefix(s.Cue, " ")}
	}
	return []string{s.Intro + s.Text + s.Question + s.Cue}
}

// Score returns the share of the answers that a text contains, as RULER counts:
// in any case, as part of a longer word too. With Any it is 1 if one is there.
func (s Sample) Score(text string) float64 {
	text = strings.ToLower(text)
	hits := 0.0
	for _, a := range s.Answers {
		if strings.Contains(text, strings.ToLower(a)) {
			hits++
		}
	}
	if s.Any {
		return min(hits, 1)
	}
	return hits / float64(len(s.Answers))
}

// random returns a stream of the seed. The streams of a seed are independent,
// so that a longer haystack leaves what is hidden in it as it is.
func random(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Streams of a sample's seed.
const (
	ofFacts = iota
	ofHay
	ofPlaces
	ofExample
)

// insert puts facts, in their order, between pieces at the given places, from 0
// to len(pieces), ascending.
func insert(pieces, facts []string, places []int) []string {
	out := make([]string, 0, len(pieces)+len(facts))
	at := 0
	for i, f := range facts {
		out = append(out, pieces[at:places[i]]...)
		out = append(out, f)
		at = places[i]
	}
	return append(out, pieces[at:]...)
}
