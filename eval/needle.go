package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Needle hides facts in a haystack and asks for one, RULER's NIAH. The zero
// value is niah_single_1: one number for one key, in noise.
type Needle struct {
	Hay        Hay
	Key, Value Kind // zero: Word and Number(7)

	// Facts are about Keys keys, with Values values each, and the question is for
	// all values of Queries keys. 0: 1; Keys is at least Queries.
	Keys, Values, Queries int

	Distractors bool     // the haystack is other facts of the same form, in place of Hay
	Depth       *float64 // from 0, the beginning, to 1: where the facts stand; nil: each anywhere
	Wording     Wording  // zero: RULER's
	MaxTokens   int      // of an answer; 0: 128
}

// Wording is how a Needle speaks. In each text {key} stands for the key or keys
// and {value} for the value; {kind} for what values are, such as "number".
type Wording struct{ Intro, Fact, Question, Cue string }

// The wording of RULER, for one answer and for several.
var (
	magic = Wording{
		Intro:    "A special magic {kind} is hidden within the following text. Make sure to memorize it. I will quiz you about the {kind} afterwards.\n",
		Fact:     "One of the special magic {kind}s for {key} is: {value}.",
		Question: "\nWhat is the special magic {kind} for {key} mentioned in the provided text?",
		Cue:      " The special magic {kind} for {key} mentioned in the provided text is",
	}
	magics = Wording{
		Intro:    "Some special magic {kind}s are hidden within the following text. Make sure to memorize it. I will quiz you about the {kind}s afterwards.\n",
		Fact:     magic.Fact,
		Question: "\nWhat are all the special magic {kind}s for {key} mentioned in the provided text?",
		Cue:      " The special magic {kind}s for {key} mentioned in the provided text are",
	}
)

func (t Needle) filled() Needle {
	if t.Key.Make == nil {
		t.Key = Word()
	}
	if t.Value.Make == nil {
		t.Value = Number(7)
	}
	t.Values, t.Queries = max(1, t.Values), max(1, t.Queries)
	t.Keys = max(1, t.Keys, t.Queries)
	if t.MaxTokens == 0 {
		t.MaxTokens = 128
	}
	if t.Wording == (Wording{}) {
		t.Wording = magics
		if t.Values*t.Queries == 1 {
			t.Wording = magic
		}
	}
	return t
}

// Sample implements Task.
func (t Needle) Sample(seed uint64, pieces, _ int) Sample {
	t = t.filled()
	r := random(seed, ofFacts)
	keys, values := map[string]bool{}, map[string]bool{}
	fact := func(key string) (text, value string) {
		value = distinct(values, func() string { return t.Value.Make(r) })
		return t.say(t.Wording.Fact, key, value), value
	}
	var facts, asked, answers []string
	for k := range t.Keys {
		key := distinct(keys, func() string { return t.Key.Make(r) })
		if k < t.Queries {
			asked = append(asked, key)
		}
		for range t.Values {
			text, value := fact(key)
			facts = append(facts, text)
			if k < t.Queries {
				answers = append(answers, value)
			}
		}
	}
	r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	hay := t.Hay.filled()
	if t.Distractors {
		r = random(seed, ofHay)
		hay = Pieces("\n", func(*rand.Rand) string {
			text, _ := fact(distinct(keys, func() string { return t.Key.Make(r) }))
			return text
		})
	}
	at := t.depths(random(seed, ofPlaces), len(facts), pieces)
	query := enumerate(asked)
	return Sample{
		Intro:     t.say(t.Wording.Intro, query, ""),
		Text:      strings.Join(insert(hay.stack(seed, pieces), facts, at), hay.join),
		Question:  t.say(t.Wording.Question, query, ""),
		Cue:       t.say(t.Wording.Cue, query, ""),
		Answers:   answers,
		MaxTokens: t.MaxTokens,
	}
}

func (t Needle) say(text, key, value string) string {
	return strings.NewReplacer("{key}", key, "{value}", value, "{kind}", t.Value.Name).Replace(text)
}

// depths returns where n facts go between so many pieces, ascending.
func (t Needle) depths(r *rand.Rand, n, pieces int) []int {
	if t.Depth == nil {
		return spread(r, n, pieces)
	}
	at := int(math.Round(min(1, max(0, *t.Depth)) * float64(pieces)))
	return slices.Repeat([]int{at}, n)
}

// spread returns n places between so many pieces, ascending, and different
// while there are enough.
func spread(r *rand.Rand, n, pieces int) []int {
	var places []int
	for len(places) < n {
		more := r.Perm(pieces + 1)
		places = append(places, more[:min(len(more), n-len(places))]...)
	}
	slices.Sort(places)
	return places
}

// enumerate writes "a", "a, and b", "a, b, and c" as RULER does.
func enumerate(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return fmt.Sprintf("%s, and %s", strings.Join(words[:last], ", "), words[last])
}
