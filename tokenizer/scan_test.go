package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/dlclark/regexp2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainSplit cuts a text at the matches of patterns, one after the other, by a
// backtracking engine.
func plainSplit(t testing.TB, patterns []string, pieces []string) []string {
	t.Helper()
	for _, p := range patterns {
		re := regexp2.MustCompile(p, regexp2.None)
		var out []string
		for _, s := range pieces {
			rs := []rune(s)
			done := 0
			m, err := re.FindStringMatch(s)
			for ; m != nil; m, err = re.FindNextMatch(m) {
				if done < m.Index {
					out = append(out, string(rs[done:m.Index]))
				}
				out = append(out, m.String())
				done = m.Index + m.Length
			}
			require.NoError(t, err)
			if done < len(rs) {
				out = append(out, string(rs[done:]))
			}
		}
		pieces = out
	}
	return pieces
}

func scanSplit(c *classes, sp splitter, s string) []string {
	if len(sp) == 0 {
		return []string{s}
	}
	var out []string
	for len(s) > 0 {
		n := sp[0](c, s)
		out = append(out, scanSplit(c, sp[1:], s[:n])...)
		s = s[n:]
	}
	return out
}

var patterns = map[string]struct {
	split    splitter
	patterns []string
}{
	"gpt-2":     {splitGPT2, []string{patternGPT2}},
	"llama-bpe": {splitLlama3, []string{patternLlama3}},
	"qwen2":     {splitQwen2, []string{patternQwen2}},
	"smollm":    {splitSmolLM, []string{`\p{N}`, patternGPT2}},
	"default":   {splitDefault, []string{`[\p{P}\$\+<=>\^~\|]+`, patternGPT2, `\p{N}+`, `[0-9][0-9][0-9]`}},
	"deepseek-llm": {splitDeepSeek, []string{
		`[\r\n]`, `\s?[` + deepWords + `]+`, `\s?[` + deepPuncts + `]+`, `\s+$`, `[` + deepHans + `]+`, `\p{N}+`}},
}

// scanRunes are characters of every class, and of the borders of the sets.
func scanRunes() []rune {
	rs := []rune("  \n\r\t\v''sStTmMdDlLrRvVeE019aéßZ.,!?-_|~^$+<=>`/中文ぁ한“”…　。\u00a0\u0085\u2028²٣Ⅷ😀\u0301\u00ad\u0378\ufffd")
	for _, set := range []string{deepWords, deepPuncts, deepHans} {
		for _, x := range parseSet(set) {
			rs = append(rs, x.lo, x.hi, x.lo-1, x.hi+1)
		}
	}
	return slices.DeleteFunc(rs, func(r rune) bool { return r >= 0xd800 && r < 0xe000 })
}

// known reports a character that this Go's Unicode classes as both versions in
// classes do; U+017F is checked on its own.
func known(c *classes, r rune) bool {
	return r != 'ſ' && (c.of(r)&letter != 0) == unicode.IsLetter(r) && (c.of(r)&number != 0) == unicode.IsNumber(r)
}

func checkScanners(t testing.TB, text string) {
	t.Helper()
	for _, hf := range []bool{true, false} {
		c := classesFor(hf)
		text := strings.Map(func(r rune) rune {
			if !known(c, r) {
				return 'x'
			}
			return r
		}, text)
		for name, p := range patterns {
			if hf && name == "default" {
				continue // llama.cpp's own
			}
			plain := text
			if !hf && name == "deepseek-llm" {
				// What llama.cpp does before it hands a text to std::wregex.
				plain = strings.Map(func(r rune) rune {
					if r > unicode.MaxASCII && unicode.IsSpace(r) {
						return '\v'
					}
					return r
				}, text)
			}
			var want, got []int
			for _, s := range plainSplit(t, p.patterns, []string{plain}) {
				want = append(want, len([]rune(s)))
			}
			if text == "" {
				want = nil
			}
			for _, s := range scanSplit(c, p.split, text) {
				got = append(got, len([]rune(s)))
			}
			require.Equal(t, want, got, "%s %t: %q", name, hf, text)
		}
	}
}

var bothClasses = map[bool]*classes{false: newClasses(false), true: newClasses(true)}

func classesFor(hf bool) *classes { return bothClasses[hf] }

func TestScannersAreTheirPatterns(t *testing.T) {
	checkScanners(t, "")
	checkScanners(t, "I'll we'VE it's 'Sd 'lL 'reX  a\n\n b \r\n\r\n  c   \n d     ")
	checkScanners(t, "1234567 12 3 a.b,c!!\n\n\nx /path/x\n/ x\t\ty  ")
	r := rand.New(rand.NewPCG(9, 10))
	common := []rune("  \n\r\t''sSlLeE12a中.!_")
	all := scanRunes()
	for range 500 {
		checkScanners(t, randomText(r, common, 30))
		checkScanners(t, randomText(r, all, 30))
		checkScanners(t, strings.Map(func(rune) rune { return rune(r.IntN(0x3100)) }, strings.Repeat("x", 20)))
	}
}

func FuzzScanners(f *testing.F) {
	f.Add("I'll  see\r\n 123 '' x")
	f.Fuzz(func(t *testing.T, s string) { checkScanners(t, strings.ToValidUTF8(s, "?")) })
}

// TestUnicodeOfThePatterns has characters that the two programs class each in
// its own way.
func TestUnicodeOfThePatterns(t *testing.T) {
	llama, hf := classesFor(false), classesFor(true)
	for r, want := range map[rune][2]class{
		0x105c0: {0, letter}, 0x13460: {0, letter}, 0x10d40: {0, number}, // of Unicode 16.0
		0x2ebf0: {letter, letter}, 0x10400: {letter | deepWord, letter | deepWord}, 0x212a: {letter | deepWord | deepHan, letter | deepWord | deepHan},
		0x3000: {space, space | deepPunct | deepHan}, 0x2028: {space, space | deepHan}, '|': {symbol | deepPunct, symbol | deepPunct},
		'K': {letter | deepWord | deepPunct, letter | deepWord | deepPunct},
	} {
		if want[0] != 0 || !unicode.IsLetter(0x105c0) { // a later Go knows them, too
			assert.Equal(t, want[0], llama.of(r), "%x", r)
		}
		assert.Equal(t, want[1], hf.of(r), "%x", r)
	}
	assert.Equal(t, 2, scanLlama3(llama, "'S"))
	assert.Equal(t, len("'ſ"), scanLlama3(hf, "'ſa"), "(?i:'s) matches U+017F")
	assert.Equal(t, len("'ſa"), scanLlama3(llama, "'ſa"))
}
