package eval

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// Hay is what a haystack is made of. The zero value is Noise.
type Hay struct {
	pieces func(r *rand.Rand) func() string // of a sample: one after another, without end
	join   string                           // between pieces
}

const noise = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."

// Noise is RULER's: the same five sentences again and again, a line each time.
func Noise() Hay {
	return Hay{func(*rand.Rand) func() string { return func() string { return noise } }, "\n"}
}

var sentenceEnd = regexp.MustCompile(`[.!?]["'”’)]*\s+|\n\s*\n`)

// Text is the sentences of a text, such as an essay or a novel. A sample begins
// at one chosen by its seed, and after the last goes on with the first; RULER
// always begins at the first.
func Text(text string) (Hay, error) {
	var sentences []string
	add := func(s string) {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			sentences = append(sentences, s)
		}
	}
	at := 0
	for _, end := range sentenceEnd.FindAllStringIndex(text, -1) {
		add(text[at:end[1]])
		at = end[1]
	}
	add(text[at:])
	if len(sentences) < 2 {
		return Hay{}, fmt.Errorf("eval: got a text of %d sentences, want 2 or more", len(sentences))
	}
	return Hay{func(r *rand.Rand) func() string {
		at := r.IntN(len(sentences))
		return func() string {
			at++
			return sentences[(at-1)%len(sentences)]
		}
	}, " "}, nil
}

// Pieces is what next returns for a sample's random numbers, one after another
// and without end, with join between them.
func Pieces(join string, next func(r *rand.Rand) string) Hay {
	return Hay{func(r *rand.Rand) func() string { return func() string { return next(r) } }, join}
}

// Prose is simple English of our own making, which needs no file. Sentences
// hardly ever come twice.
func Prose() Hay { return Pieces(" ", sentence) }

var (
	people    = strings.Fields("baker sailor teacher farmer widow doctor gardener soldier cook painter miller shepherd clerk tailor merchant")
	relations = []string{"sister", "neighbour", "old friend", "cousin", "daughter", "uncle", "brother", "mother", "guest", "master"}
	actions   = strings.Fields("carried brought sold lost found wanted painted cleaned repaired borrowed")
	places    = []string{"to the market", "across the bridge", "into the kitchen", "behind the church", "along the river", "to the harbour",
		"out of the house", "over the hill", "under the trees", "through the gate", "to the mill", "near the old wall"}
	times   = []string{"In the morning", "After dinner", "Late in the evening", "On the way home", "Before the rain came", "Next day", "In winter", "At noon", "That summer"}
	weather = []string{"it was cold", "the wind was strong", "nobody was there", "the road was long", "it began to snow", "the lamps were lit", "the bells rang", "the moon was up"}
	moods   = []string{"said nothing", "began to laugh", "sat down by the fire", "walked away", "looked out of the window", "fell asleep", "shook his head", "went on reading"}
)

func sentence(r *rand.Rand) string {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	thing := func() string { return pick(adjectives) + " " + pick(nouns) }
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("The %s %s the %s %s.", pick(people), pick(actions), thing(), pick(places))
	case 1:
		return fmt.Sprintf("%s the %s %s, and %s.", pick(times), pick(people), pick(moods), pick(weather))
	case 2:
		return fmt.Sprintf("The %s of the %s %s the %s, but %s.", pick(relations), pick(people), pick(actions), thing(), pick(weather))
	case 3:
		return fmt.Sprintf("When the %s came %s, %s and the %s %s.", pick(people), pick(places), pick(weather), pick(people), pick(moods))
	case 4:
		return fmt.Sprintf("%s there was a %s beside the %s.", pick(times), thing(), thing())
	default:
		return fmt.Sprintf("The %s asked the %s for the %s and then %s.", pick(people), pick(people), thing(), pick(moods))
	}
}

// Passage returns the haystack of a seed alone: so many pieces in which nothing
// is hidden.
func (h Hay) Passage(seed uint64, pieces int) string {
	return strings.Join(h.stack(seed, pieces), h.filled().join)
}

// stack returns n pieces.
func (h Hay) stack(seed uint64, n int) []string {
	next := h.filled().pieces(random(seed, ofHay))
	out := make([]string, n)
	for i := range out {
		out[i] = next()
	}
	return out
}

func (h Hay) filled() Hay {
	if h.pieces == nil {
		return Noise()
	}
	return h
}
