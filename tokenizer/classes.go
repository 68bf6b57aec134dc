package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// class says which of the character sets of the pre-tokenizer patterns a
// character belongs to.
type class uint8

const (
	letter    class = 1 << iota // \p{L}
	number                      // \p{N}
	space                       // \s
	symbol                      // [\p{P}\$\+<=>\^~\|], of the default pattern
	deepWord                    // deepWords
	deepPunct                   // deepPuncts
	deepHan                     // deepHans
)

// The character sets of DeepSeek's patterns, as they stand between the
// brackets of a regular expression.
const (
	deepWords  = "A-Za-z\u00b5\u00c0-\u00d6Ø-\u00f6ø-ƺƼ-ƿ\u01c4-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿ\u0386\u0388-\u038a\u038c\u038e-ΡΣ-\u03f5Ϸ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149ⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
	deepPuncts = "!-/:-~\uff01-\uff0f\uff1a-\uff5e‘-‟\u3000-。"
	deepHans   = "\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff"
)

// classes looks up the class of a character. The patterns mean the Unicode of
// the program whose vocabulary it is: 15.1 for llama.cpp, 16.0 for Hugging
// Face's tokenizers.
type classes struct {
	table [1 << 16]class
	// huggingFace also folds U+017F to s in (?i:'s), and lets DeepSeek's sets
	// hold white space beyond ASCII, which llama.cpp's replacement of it by a
	// vertical tab takes out.
	huggingFace bool
	sets        []charSet
}

type charSet struct {
	class  class
	ranges []runeRange
}

type runeRange struct{ lo, hi rune }

func newClasses(huggingFace bool) *classes {
	c := &classes{huggingFace: huggingFace, sets: []charSet{
		{deepWord, parseSet(deepWords)}, {deepPunct, parseSet(deepPuncts)}, {deepHan, parseSet(deepHans)}}}
	for r := range c.table {
		c.table[r] = c.category(rune(r))
	}
	for _, set := range c.sets {
		for _, x := range set.ranges {
			for r := x.lo; r <= x.hi && int(r) < len(c.table); r++ {
				if huggingFace || r < utf8.RuneSelf || c.table[r]&space == 0 {
					c.table[r] |= set.class
				}
			}
		}
	}
	return c
}

func parseSet(set string) []runeRange {
	var ranges []runeRange
	for rs := []rune(set); len(rs) > 0; {
		if len(rs) > 2 && rs[1] == '-' {
			ranges, rs = append(ranges, runeRange{rs[0], rs[2]}), rs[3:]
		} else {
			ranges, rs = append(ranges, runeRange{rs[0], rs[0]}), rs[1:]
		}
	}
	return ranges
}

func (c *classes) of(r rune) class {
	if int(r) < len(c.table) {
		return c.table[r]
	}
	k := c.category(r)
	for _, set := range c.sets {
		if slices.ContainsFunc(set.ranges, func(x runeRange) bool { return x.lo <= r && r <= x.hi }) {
			k |= set.class
		}
	}
	return k
}

// category is the class by Unicode's categories.
func (c *classes) category(r rune) class {
	switch {
	case unicode.IsLetter(r), r >= 0x2ebf0 && r <= 0x2ee5d, c.huggingFace && unicode.Is(newLetters, r):
		return letter
	case unicode.IsNumber(r), c.huggingFace && unicode.Is(newNumbers, r):
		return number
	case unicode.IsSpace(r):
		return space
	case unicode.IsPunct(r), r < utf8.RuneSelf && strings.ContainsRune("$+<=>^~|", r):
		return symbol
	}
	return 0
}

// at returns the class and the width of the character at s[i], no class and no
// width at the end.
func (c *classes) at(s string, i int) (class, int) {
	if i >= len(s) {
		return 0, 0
	}
	if s[i] < utf8.RuneSelf {
		return c.table[s[i]], 1
	}
	r, w := utf8.DecodeRuneInString(s[i:])
	return c.of(r), w
}

// run returns where the characters from i on end whose class, seen through
// mask, is not zero; with outside, those where it is zero.
func (c *classes) run(s string, i int, mask class, outside bool) int {
	for i < len(s) {
		if b := s[i]; b < utf8.RuneSelf {
			if (c.table[b]&mask == 0) != outside {
				return i
			}
			i++
			continue
		}
		r, w := utf8.DecodeRuneInString(s[i:])
		if (c.of(r)&mask == 0) != outside {
			return i
		}
		i += w
	}
	return i
}

// newLetters and newNumbers are what Unicode 16.0 assigned after 15.1.
var (
	newLetters = &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x1c89, Hi: 0x1c8a, Stride: 1}, {Lo: 0xa7cb, Hi: 0xa7cd, Stride: 1}, {Lo: 0xa7da, Hi: 0xa7dc, Stride: 1}},
		R32: []unicode.Range32{
			{Lo: 0x105c0, Hi: 0x105f3, Stride: 1}, {Lo: 0x10d4a, Hi: 0x10d65, Stride: 1}, {Lo: 0x10d6f, Hi: 0x10d85, Stride: 1},
			{Lo: 0x10ec2, Hi: 0x10ec4, Stride: 1}, {Lo: 0x11380, Hi: 0x11389, Stride: 1}, {Lo: 0x1138b, Hi: 0x1138b, Stride: 1},
			{Lo: 0x1138e, Hi: 0x1138e, Stride: 1}, {Lo: 0x11390, Hi: 0x113b5, Stride: 1}, {Lo: 0x113b7, Hi: 0x113b7, Stride: 1},
			{Lo: 0x113d1, Hi: 0x113d1, Stride: 1}, {Lo: 0x113d3, Hi: 0x113d3, Stride: 1}, {Lo: 0x11bc0, Hi: 0x11be0, Stride: 1},
			{Lo: 0x13460, Hi: 0x143fa, Stride: 1}, {Lo: 0x16100, Hi: 0x1611d, Stride: 1}, {Lo: 0x16d40, Hi: 0x16d6c, Stride: 1},
			{Lo: 0x18cff, Hi: 0x18cff, Stride: 1}, {Lo: 0x1e5d0, Hi: 0x1e5ed, Stride: 1}, {Lo: 0x1e5f0, Hi: 0x1e5f0, Stride: 1},
		},
	}
	newNumbers = &unicode.RangeTable{
		R32: []unicode.Range32{
			{Lo: 0x10d40, Hi: 0x10d49, Stride: 1}, {Lo: 0x116d0, Hi: 0x116e3, Stride: 1}, {Lo: 0x11bf0, Hi: 0x11bf9, Stride: 1},
			{Lo: 0x16130, Hi: 0x16139, Stride: 1}, {Lo: 0x16d70, Hi: 0x16d79, Stride: 1}, {Lo: 0x1ccf0, Hi: 0x1ccf9, Stride: 1},
			{Lo: 0x1e5f1, Hi: 0x1e5fa, Stride: 1},
		},
	}
)
