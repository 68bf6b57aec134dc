package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Common asks for the ten words that come most often in a numbered list,
// RULER's cwe. The zero value is its setting.
type Common struct {
	// The ten come Often times, the others Rarely. 0: 30 and 3, and 6 and 1 for
	// lists shorter than 4096 tokens.
	Often, Rarely int

	NoExample bool // leave out the solved example that comes first
	MaxTokens int  // of an answer; 0: 120
}

const asked = 10 // words

// Sample implements Task. A piece is a word, of which there are eleven at least.
func (t Common) Sample(seed uint64, pieces, limit int) Sample {
	short := limit < 4096
	choose := func(set, long, brief int) int {
		switch {
		case set != 0:
			return set
		case short:
			return brief
		}
		return long
	}
	r := random(seed, ofFacts)
	s := common(r, asked+pieces, choose(t.Often, 30, 6), choose(t.Rarely, 3, 1))
	s.MaxTokens = choose(t.MaxTokens, 120, 120)
	if !t.NoExample {
		e := common(random(seed, ofExample), choose(0, 40, 20), choose(0, 10, 3), choose(0, 3, 1))
		s.Intro = e.Prompts(After)[0] + listed(e.Answers) + "\n" + s.Intro
	}
	return s
}

func common(r *rand.Rand, words, often, rarely int) Sample {
	all := lone(r, words)
	var list []string
	for i, w := range all {
		n := rarely
		if i < asked {
			n = often
		}
		for range n {
			list = append(list, w)
		}
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return Sample{
		Intro:    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.\n",
		Text:     strings.TrimPrefix(listed(list), " "),
		Question: fmt.Sprintf("\nQuestion: What are the %d most common words in the above list?", asked),
		Cue:      fmt.Sprintf(" Answer: The top %d words that appear most often in the list are:", asked),
		Answers:  all[:asked],
	}
}

// listed numbers words, with a space before each number.
func listed(words []string) string {
	var b strings.Builder
	for i, w := range words {
		fmt.Fprintf(&b, " %d. %s", i+1, w)
	}
	return b.String()
}

// Frequent asks for the three words that come most often in a coded text whose
// frequencies follow a zeta distribution, RULER's fwe. The most frequent of all
// is dots, to be ignored. The zero value is its setting.
type Frequent struct {
	Alpha     float64 // 1.1 to 4: the larger, the easier; 0: 2
	MaxTokens int     // of an answer; 0: 50
}

// Sample implements Task. A piece is a coded word; there are so many at least
// that the third differs from the fourth.
func (t Frequent) Sample(seed uint64, pieces, limit int) Sample {
	if t.Alpha == 0 {
		t.Alpha = 2
	}
	if !(t.Alpha >= 1.1 && t.Alpha <= 4) {
		panic(fmt.Sprintf("eval: Frequent: got Alpha %v, want 1.1 to 4", t.Alpha))
	}
	if t.MaxTokens == 0 {
		t.MaxTokens = 50
	}
	r := random(seed, ofFacts)
	seen := map[string]bool{}
	vocabulary := make([]string, max(5, limit/50))
	for i := range vocabulary {
		vocabulary[i] = distinct(seen, func() string { return letters(r, 'a', 6) })
	}
	vocabulary[0] = "...."
	z := zeta(t.Alpha)
	times := func(rank int) int { return int(float64(pieces) * math.Pow(float64(rank), -t.Alpha) / z) }
	for times(4) <= times(5) {
		pieces++
	}
	var text []string
	for i, w := range vocabulary {
		for range times(i + 1) {
			text = append(text, w)
		}
	}
	r.Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
	return Sample{
		Intro: "Read the following coded text and track the frequency of each coded word. Find the three most frequently appeared coded words. ",
		Text:  strings.Join(text, " "),
		Question: "\nQuestion: Do not provide any explanation. Please ignore the dots '....'. " +
			"What are the three most frequently appeared words in the above coded text?",
		Cue:       " Answer: According to the coded text above, the three most frequently appeared words are:",
		Answers:   vocabulary[1:4],
		MaxTokens: t.MaxTokens,
	}
}

// zeta returns Σ n^−a over all n ≥ 1: the first terms, and the others by the
// first terms of the Euler–Maclaurin formula.
func zeta(a float64) float64 {
	const n = 1000
	sum := 0.0
	for i := 1; i < n; i++ {
		sum += math.Pow(float64(i), -a)
	}
	return sum + math.Pow(n, 1-a)/(a-1) + math.Pow(n, -a)/2
}
