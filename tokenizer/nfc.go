package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// nfc is Unicode's normalization form C, as it is defined: x/text also puts a
// U+034F behind every 30 marks in a row, which would change the text.
func nfc(s string) string {
	const joiner = "\u034f"
	out := norm.NFC.String(s)
	if strings.Count(out, joiner) == strings.Count(s, joiner) {
		return out
	}
	return plainNFC(s)
}

// plainNFC decomposes every character, orders the marks and composes again.
func plainNFC(s string) string {
	type char struct {
		r     rune
		class uint8
	}
	var chars []char
	for _, r := range s {
		for _, d := range norm.NFD.String(string(r)) {
			chars = append(chars, char{d, norm.NFD.PropertiesString(string(d)).CCC()})
		}
	}
	for i := 0; i < len(chars); i++ {
		from := i
		for i < len(chars) && chars[i].class != 0 {
			i++
		}
		slices.SortStableFunc(chars[from:i], func(a, b char) int { return cmp.Compare(a.class, b.class) })
	}
	out := chars[:0:0]
	starter := -1 // in out
	for _, c := range chars {
		// A mark of the same class in between, or a character that is no mark, keeps c apart.
		last := len(out) - 1
		if starter >= 0 && (starter == last || out[last].class != 0 && out[last].class < c.class) {
			both := norm.NFC.String(string(out[starter].r) + string(c.r))
			if r, n := utf8.DecodeRuneInString(both); n == len(both) {
				out[starter].r = r
				continue
			}
		}
		out = append(out, c)
		if c.class == 0 {
			starter = len(out) - 1
		}
	}
	var b strings.Builder
	for _, c := range out {
		b.WriteRune(c.r)
	}
	return b.String()
}
