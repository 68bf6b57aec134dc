package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// A scanner cuts the first piece off s, which is not empty, and returns its
// length: a match of its pattern, or what lies before the next one. The end of
// s is the end of the text for the pattern. Each is a hand-written form of one
// regular expression, without its backtracking.
type scanner func(c *classes, s string) int

// scanGPT2 is
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func scanGPT2(c *classes, s string) int {
	if n := contraction(s, false, false); n > 0 {
		return n
	}
	i := 0
	k, w := c.at(s, 0)
	if s[0] == ' ' && len(s) > 1 {
		i = 1
		k, w = c.at(s, 1)
	}
	switch {
	case k&letter != 0:
		return c.run(s, i+w, letter, false)
	case k&number != 0:
		return c.run(s, i+w, number, false)
	case k&space == 0:
		return c.run(s, i+w, letter|number|space, true)
	}
	return scanSpace(c, s)
}

// scanLlama3 is
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func scanLlama3(c *classes, s string) int { return scanCased(c, s, 3) }

// scanQwen2 is scanLlama3 with single digits, \p{N}.
func scanQwen2(c *classes, s string) int { return scanCased(c, s, 1) }

func scanCased(c *classes, s string, digits int) int {
	if n := contraction(s, true, c.huggingFace); n > 0 {
		return n
	}
	k, w := c.at(s, 0)
	if k&letter != 0 {
		return c.run(s, w, letter, false)
	}
	if k&number != 0 {
		n := w
		for ; digits > 1; digits-- {
			k, w = c.at(s, n)
			if k&number == 0 {
				break
			}
			n += w
		}
		return n
	}
	next, nextW := c.at(s, w)
	if next&letter != 0 && s[0] != '\r' && s[0] != '\n' {
		return c.run(s, w+nextW, letter, false)
	}
	i := 0
	if s[0] == ' ' && nextW > 0 {
		i, k, w = w, next, nextW
	}
	if k&(letter|number|space) == 0 {
		n := c.run(s, i+w, letter|number|space, true)
		for n < len(s) && (s[n] == '\r' || s[n] == '\n') {
			n++
		}
		return n
	}
	end := c.run(s, 0, space, false)
	if n := strings.LastIndexAny(s[:end], "\r\n"); n >= 0 {
		return n + 1
	}
	return scanSpace(c, s)
}

// contraction is 's|'t|'re|'ve|'m|'ll|'d, in either case with fold; longS lets
// U+017F be an s, as Unicode's case folding has it.
func contraction(s string, fold, longS bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	lower := func(b byte) byte {
		if fold && b >= 'A' && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return b
	}
	switch a := lower(s[1]); a {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v', 'l':
		if len(s) > 2 {
			if b := lower(s[2]); a == 'l' && b == 'l' || a != 'l' && b == 'e' {
				return 3
			}
		}
	}
	if longS && strings.HasPrefix(s[1:], "ſ") {
		return 1 + len("ſ")
	}
	return 0
}

// scanSpace is \s+(?!\S)|\s+ where s begins with white space.
func scanSpace(c *classes, s string) int {
	end := c.run(s, 0, space, false)
	if end == len(s) {
		return end
	}
	if _, w := utf8.DecodeLastRuneInString(s[:end]); w < end {
		return end - w
	}
	return end
}

// scanDigit is \p{N}.
func scanDigit(c *classes, s string) int {
	if k, w := c.at(s, 0); k&number != 0 {
		return w
	}
	return c.run(s, 0, number, true)
}

// scanNumber is \p{N}+.
func scanNumber(c *classes, s string) int { return scanSet(c, s, number) }

// scanSymbols is [\p{P}\$\+<=>\^~\|]+.
func scanSymbols(c *classes, s string) int { return scanSet(c, s, symbol) }

// scanDeepHan is [deepHans]+.
func scanDeepHan(c *classes, s string) int { return scanSet(c, s, deepHan) }

// scanSet is [set]+.
func scanSet(c *classes, s string, set class) int {
	k, _ := c.at(s, 0)
	return c.run(s, 0, set, k&set == 0)
}

// scanDeepWord is \s?[deepWords]+.
func scanDeepWord(c *classes, s string) int { return scanSpacedSet(c, s, deepWord) }

// scanDeepPunct is \s?[deepPuncts]+.
func scanDeepPunct(c *classes, s string) int { return scanSpacedSet(c, s, deepPunct) }

// scanSpacedSet is \s?[set]+.
func scanSpacedSet(c *classes, s string, set class) int {
	k, w := c.at(s, 0)
	if k&set != 0 {
		// A white space character that is in the set may be the \s? as well: the match is the same.
		return c.run(s, w, set, false)
	}
	if k&space != 0 {
		if k, _ := c.at(s, w); k&set != 0 {
			return c.run(s, w, set, false)
		}
	}
	n := c.run(s, 0, set, true)
	if n == len(s) {
		return n
	}
	if r, w := utf8.DecodeLastRuneInString(s[:n]); c.of(r)&space != 0 {
		return n - w
	}
	return n
}

// scanBreak is [\r\n].
func scanBreak(_ *classes, s string) int {
	switch n := strings.IndexAny(s, "\r\n"); n {
	case 0:
		return 1
	case -1:
		return len(s)
	default:
		return n
	}
}

// scanTrailing is \s+$.
func scanTrailing(c *classes, s string) int {
	n := len(s)
	for n > 0 {
		r, w := utf8.DecodeLastRuneInString(s[:n])
		if c.of(r)&space == 0 {
			return n
		}
		n -= w
	}
	return len(s)
}

// scanThousands is [0-9][0-9][0-9].
func scanThousands(_ *classes, s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			n = 0
			continue
		}
		if n++; n == 3 {
			if i == 2 {
				return 3
			}
			return i - 2
		}
	}
	return len(s)
}
