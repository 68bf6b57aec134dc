package eval

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/tokenizer"
)

func retriever(t testing.TB) *winnow.Model {
	file, err := testmodel.Retriever(quant.F16)
	require.NoError(t, err)
	return load(t, file, winnow.Options{})
}

// Every task of RULER: the same for the same seed, within its length and close
// to it, and its answers stand in the text.
func TestTasks(t *testing.T) {
	tokenizers := map[string]*tokenizer.Tokenizer{"words and bytes": retriever(t).Tokenizer()}
	t.Run("stories260K", func(t *testing.T) {
		m, err := winnow.Load(refdata.Data(t, "models", "stories260K.gguf"), winnow.Options{})
		require.NoError(t, err)
		defer m.Close()
		tokenizers["stories260K"] = m.Tokenizer()
	})
	for name, tok := range tokenizers {
		for i, task := range RULER(Prose()) {
			p := Position(i % 4)
			t.Run(name+"/"+task.Name+"/"+p.String(), func(t *testing.T) {
				f := Fit{Tokens: 4000, Position: p, Seed: 7, N: 2, MaxTokens: 20}
				samples, err := f.Samples(tok, task.Task)
				require.NoError(t, err)
				again, err := f.Samples(tok, task.Task)
				require.NoError(t, err)
				require.Equal(t, samples, again)
				require.NotEqual(t, samples[0].Answers, samples[1].Answers)
				require.NotEqual(t, samples[0].Answers, task.Task.Sample(8, 9, f.Tokens).Answers)
				for _, s := range samples {
					checkSample(t, tok, s, p, f.Tokens)
				}
			})
		}
	}
}

func checkSample(t *testing.T, tok *tokenizer.Tokenizer, s Sample, p Position, limit int) {
	prompts := s.Prompts(p)
	used := s.MaxTokens
	for _, ids := range encode(tok, prompts) {
		used += len(ids)
	}
	require.LessOrEqual(t, used, limit)
	require.Greater(t, used, limit*9/10)
	require.NotEmpty(t, s.Answers)
	for _, a := range s.Answers {
		require.Contains(t, s.Text, a)
		require.NotContains(t, s.Question+s.Cue, a)
	}
	require.Equal(t, 1.0, s.Score(strings.ToUpper(strings.Join(s.Answers, ", "))))
	require.Zero(t, s.Score(""))
	require.Len(t, prompts, 1+int(p)/2)
	require.True(t, strings.HasSuffix(prompts[len(prompts)-1], strings.TrimSpace(s.Cue)))
}

func TestNeedle(t *testing.T) {
	s := Needle{}.Sample(1, 30, 0)
	require.Regexp(t, `^A special magic number is hidden within the following text\..* about the number afterwards\.\n$`, s.Intro)
	key := regexp.MustCompile(`^\nWhat is the special magic number for ([a-z]+-[a-z]+) mentioned in the provided text\?$`).FindStringSubmatch(s.Question)
	require.NotNil(t, key, s.Question)
	require.Equal(t, " The special magic number for "+key[1]+" mentioned in the provided text is", s.Cue)
	require.Contains(t, s.Text, "\nOne of the special magic numbers for "+key[1]+" is: "+s.Answers[0]+".\n")
	require.Len(t, s.Answers[0], 7)
	require.Equal(t, 30, strings.Count(s.Text, noise))
	require.Equal(t, 128, s.MaxTokens)

	s = Needle{Hay: Prose(), Queries: 2, Values: 2, Keys: 3}.Sample(1, 30, 0)
	require.Len(t, s.Answers, 4)
	require.Equal(t, 6, strings.Count(s.Text, "One of the special magic numbers for "))
	require.Regexp(t, `^\nWhat are all the special magic numbers for [a-z]+-[a-z]+, and [a-z]+-[a-z]+ mentioned`, s.Question)
	require.Equal(t, 0.5, s.Score(s.Answers[0]+" and "+s.Answers[3]))

	s = Needle{Distractors: true, Value: UUID(), Key: UUID()}.Sample(1, 30, 0)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, s.Answers[0])
	require.Equal(t, 1, strings.Count(s.Text, s.Answers[0]))
	require.Len(t, strings.Split(s.Text, "\n"), 31)
}

// What is hidden stays the same however long the haystack, and stands where it
// is told to.
func TestNeedleDepth(t *testing.T) {
	for _, task := range []Needle{{Hay: Prose(), Keys: 3}, {Distractors: true}} {
		short, long := task.Sample(5, 40, 0), task.Sample(5, 400, 0)
		require.Equal(t, short.Question, long.Question)
		require.Equal(t, short.Answers, long.Answers)
	}
	for _, depth := range []float64{0, 0.25, 0.5, 1} {
		s := Needle{Depth: &depth}.Sample(3, 100, 0)
		lines := strings.Split(s.Text, "\n")
		require.Equal(t, int(100*depth), slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, s.Answers[0]) }))
	}
	var sum float64
	for seed := range uint64(200) {
		s := Needle{}.Sample(seed, 100, 0)
		sum += float64(strings.Index(s.Text, s.Answers[0])) / float64(len(s.Text)) / 200
	}
	require.InDelta(t, 0.5, sum, 0.08)
}

// The answers are those of an interpreter of the text.
func TestChain(t *testing.T) {
	for seed := range uint64(20) {
		s := Chain{Chains: 2, Hay: Prose()}.Sample(seed, 50, 0)
		require.Len(t, s.Answers, 5)
		value := map[string]string{}
		for _, a := range regexp.MustCompile(`VAR (\w+) = (?:VAR )?(\w+)`).FindAllStringSubmatch(s.Text, -1) {
			value[a[1]] = a[2]
			if of, ok := value[a[2]]; ok {
				value[a[1]] = of
			}
		}
		require.Len(t, value, 10)
		asked := regexp.MustCompile(`assigned the value (\d+) in`).FindStringSubmatch(s.Question)[1]
		for name, v := range value {
			require.Equal(t, v == asked, slices.Contains(s.Answers, name))
		}
		require.Contains(t, s.Cue, "5 variables are assigned the value "+asked)
		require.Regexp(t, `they are: [A-Z]{3} [A-Z]{3} [A-Z]{3} [A-Z]{3} [A-Z]{3}\n\nMemorize`, s.Intro)
		require.NotContains(t, Chain{NoExample: true}.Sample(seed, 50, 0).Intro, "VAR")
	}
}

func TestCommon(t *testing.T) {
	for _, c := range []struct {
		task          Common
		limit         int
		often, rarely int
	}{{Common{}, 2048, 6, 1}, {Common{}, 8192, 30, 3}, {Common{Often: 4, Rarely: 2}, 2048, 4, 2}} {
		s := c.task.Sample(3, 600, c.limit)
		times := map[string]int{}
		for i, item := range regexp.MustCompile(`(\d+)\. (\S+)`).FindAllStringSubmatch(s.Text, -1) {
			require.Equal(t, strconv.Itoa(i+1), item[1])
			times[item[2]]++
		}
		require.Len(t, times, 610, "more than there are single words")
		for w, n := range times {
			if slices.Contains(s.Answers, w) {
				require.Equal(t, c.often, n)
			} else {
				require.Equal(t, c.rarely, n)
			}
		}
		require.Equal(t, 2, strings.Count(s.Prompts(After)[0], "Below is a numbered list"))
	}
}

func TestFrequent(t *testing.T) {
	require.InDelta(t, math.Pi*math.Pi/6, zeta(2), 1e-9)
	require.InDelta(t, math.Pow(math.Pi, 4)/90, zeta(4), 1e-9)
	require.InDelta(t, 10.5844484649508, zeta(1.1), 1e-6)
	for _, pieces := range []int{1, 100, 5000} {
		s := Frequent{}.Sample(3, pieces, 4096)
		times := map[string]int{}
		for _, w := range strings.Fields(s.Text) {
			times[w]++
		}
		words := slices.SortedFunc(maps(times), func(a, b string) int { return times[b] - times[a] })
		require.Equal(t, "....", words[0])
		require.ElementsMatch(t, words[1:4], s.Answers)
		require.Greater(t, times[words[3]], times[append(words, "")[4]])
	}
	require.Panics(t, func() { Frequent{Alpha: 1}.Sample(1, 1, 1) })
	require.Panics(t, func() { Frequent{Alpha: math.NaN()}.Sample(1, 1, 1) })
}

func maps(m map[string]int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestScore(t *testing.T) {
	s := Sample{Answers: []string{"Apple", "42"}}
	require.Equal(t, 0.5, s.Score("a pineAPPLE"))
	require.Equal(t, 1.0, s.Score("42 apples"))
	s.Any = true
	require.Equal(t, 1.0, s.Score("a pineAPPLE"))
	require.Zero(t, s.Score("4 2"))
}

func TestHay(t *testing.T) {
	h, err := Text("One sentence.  Another\none! \"A third?\" she said.\n\nA title\n\nThe end")
	require.NoError(t, err)
	all := h.stack(1, 12)
	require.ElementsMatch(t, []string{"One sentence.", "Another one!", `"A third?"`, "she said.", "A title", "The end"}, all[:6])
	require.Equal(t, all[:6], all[6:])
	for _, text := range []string{"", "no end", " \n\n "} {
		_, err := Text(text)
		require.ErrorContains(t, err, "sentences")
	}
	seen := map[string]bool{}
	for _, s := range Prose().stack(1, 500) {
		seen[s] = true
		require.Regexp(t, `^[A-Z][a-z, ]+\.$`, s)
	}
	require.Greater(t, len(seen), 480)
}

func TestFitErrors(t *testing.T) {
	tok := retriever(t).Tokenizer()
	_, err := Fit{Tokens: 50}.Samples(tok, Needle{})
	require.ErrorContains(t, err, "room for 50 tokens, want at least")
	nothing := Needle{Hay: Pieces("", func(*rand.Rand) string { return "" })}
	s, err := Fit{Tokens: 1000}.Samples(tok, nothing)
	require.NoError(t, err, "the search ends although nothing fills the haystack")
	require.Len(t, s, 1)
	require.Panics(t, func() {
		Needle{Key: Kind{"key", func(*rand.Rand) string { return "same" }}, Keys: 2}.Sample(1, 1, 1)
	})
	require.Panics(t, func() { Number(0) })
}
