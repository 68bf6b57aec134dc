package tokenizer

import (
	"math/bits"
	"unicode/utf8"
)

// lowLine is U+2581, by which SentencePiece writes a space.
const lowLine = "▁"

// words adds the tokens of the words that the scanners cut s into.
func (m *bpe) words(dst []int32, w *workspace, c *classes, sp splitter, s string) []int32 {
	if len(sp) == 0 {
		return m.word(dst, w, s)
	}
	for len(s) > 0 {
		n := sp[0](c, s)
		if len(sp) == 1 {
			dst = m.word(dst, w, s[:n])
		} else {
			dst = m.words(dst, w, c, sp[1:], s[:n])
		}
		s = s[n:]
	}
	return dst
}

// joints are the pairs of neighbouring characters that a merge may bring into
// one token. Between any other two a text can be cut without changing its
// tokens: no merge ever reaches across, and merges on either side do not see
// each other. Without this the whole text were one word.
//
// The pairs are a set of hashes, so that a pair may look like one that is in
// it; the text is then not cut where it could be.
type joints struct {
	bits   []uint64
	shift  uint
	never  bool // the text must stay whole
	spaces bool // only cut before a ▁
}

func newJoints(vocab int) joints {
	log := uint(min(max(bits.Len(uint(vocab))+3, 10), 21))
	return joints{bits: make([]uint64, 1<<(log-6)), shift: 64 - log}
}

func (j *joints) place(a, b rune) (word int, bit uint64) {
	h := (uint64(a)<<21 | uint64(b)) * 0x9e3779b97f4a7c15 >> j.shift
	return int(h >> 6), 1 << (h & 63)
}

func (j *joints) add(a, b rune) {
	word, bit := j.place(a, b)
	j.bits[word] |= bit
}

// addText adds all neighbours in a token's text.
func (j *joints) addText(text string) {
	before := rune(-1)
	for _, r := range text {
		if before >= 0 {
			j.add(before, r)
		}
		before = r
	}
}

// cut returns the length of the first stretch of s that is on its own.
func (j *joints) cut(s string) int {
	before := rune(-1)
	for i, r := range s {
		if before >= 0 {
			word, bit := j.place(before, r)
			if j.bits[word]&bit == 0 && (!j.spaces || r == '▁') {
				return i
			}
		}
		before = r
	}
	return len(s)
}

// spaced adds the tokens of a text in which ▁ stands for the space.
func (m *bpe) spaced(dst []int32, w *workspace, j *joints, s string) []int32 {
	if j.never || !utf8.ValidString(s) {
		// A stray lead byte takes bytes of a ▁ behind it along: such text is not cut.
		return m.word(dst, w, s)
	}
	for len(s) > 0 {
		n := j.cut(s)
		dst = m.word(dst, w, s[:n])
		s = s[n:]
	}
	return dst
}

// validText replaces every byte that is not part of valid UTF-8 by U+FFFD.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
