package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode returns the text of tokens: Decode(Encode(x, Bare)) is x. Control and
// unknown tokens and ids that do not exist render as nothing, the space that
// Encode put before the text is taken off, and nothing is cleaned up. Bytes
// that are not valid UTF-8 become U+FFFD, one for each sequence that breaks off.
//
// SentencePiece writes a space as ▁ (U+2581), so that a ▁ of the text itself
// comes back as a space.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	d := t.Decoder()
	for _, id := range ids {
		b.WriteString(d.Next(id))
	}
	b.WriteString(d.Flush())
	return b.String()
}

// Decoder turns tokens into text one by one. What Next and Flush return makes
// up what Decode returns.
//
// It takes its first token for the beginning of a text. To decode what follows
// a prompt, call Next with the prompt's last tokens first and drop what it
// returns: otherwise SentencePiece's first word loses the space before it.
type Decoder struct {
	t       *Tokenizer
	rest    []byte // the beginning of a character
	started bool   // the first byte has come
}

// Decoder returns a decoder at the beginning of a text.
func (t *Tokenizer) Decoder() *Decoder { return &Decoder{t: t} }

// Next returns the text that a token completes: whole characters.
func (d *Decoder) Next(id int32) string {
	if id < 0 || int(id) >= len(d.t.tokens) || d.t.tokens[id].hidden {
		return ""
	}
	text := d.t.tokens[id].text
	if !d.started && text != "" {
		d.started = true
		if d.t.dropSpace {
			text = strings.TrimPrefix(text, " ")
		}
	}
	if len(d.rest) > 0 {
		text = string(d.rest) + text
	}
	whole := len(text) - unfinished(text)
	d.rest = append(d.rest[:0], text[whole:]...)
	return replaceInvalid(text[:whole])
}

// Flush returns what is left, the beginning of a character that never was
// finished, as U+FFFD. The decoder is then at the beginning of a text.
func (d *Decoder) Flush() string {
	s := replaceInvalid(string(d.rest))
	d.rest, d.started = d.rest[:0], false
	return s
}

// unfinished returns the length of the character at the end of s whose last
// bytes are missing.
func unfinished(s string) int {
	for n := 1; n <= min(len(s), utf8.UTFMax-1); n++ {
		if tail := s[len(s)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRuneInString(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// replaceInvalid replaces what is not valid UTF-8, each longest beginning of a
// character by one U+FFFD.
func replaceInvalid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, w := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && w == 1 {
			for w < len(s) && !utf8.FullRuneInString(s[:w+1]) {
				w++
			}
			b.WriteRune(utf8.RuneError)
		} else {
			b.WriteString(s[:w])
		}
		s = s[w:]
	}
	return b.String()
}
