package tokenizer

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// pairedText is how long a token of scoredOf may be for its merges to be in the
// table of pairs. The few longer ones are found by their text: a table of all
// their halves could be far larger than the file.
const pairedText = 32

// readASCII fills m.ascii from m.ids.
func (m *bpe) readASCII() {
	for b := range m.ascii {
		m.ascii[b] = noToken
		if id, ok := m.ids[string(rune(b))]; ok {
			m.ascii[b] = id
		}
	}
}

// readPairs lists every way in which two symbols make a token.
func (m *bpe) readPairs(tokens []string) {
	type merge struct{ left, right, id int32 }
	var merges []merge
	m.chars = map[string]int32{}
	for id, text := range tokens {
		m.longest = max(m.longest, len(text))
		if len(text) > pairedText {
			continue
		}
		last := 0
		for last+charLen(text[last]) < len(text) {
			last += charLen(text[last])
		}
		for i := charLen(text[0]); i <= last; i += charLen(text[i]) {
			left, okLeft := m.symbol(text[:i], i == charLen(text[0]))
			right, okRight := m.symbol(text[i:], i == last)
			if okLeft && okRight {
				merges = append(merges, merge{left, right, int32(id)})
			}
		}
	}
	m.pairs = newPairs(len(merges))
	for _, g := range merges {
		m.pairs.put(g.left, g.right, m.ranks[g.id], g.id, true)
	}
}

// symbol returns the id of what may be a symbol: a token or one character.
func (m *bpe) symbol(text string, char bool) (id int32, ok bool) {
	if id, ok := m.ids[text]; ok {
		return id, true
	}
	if !char {
		return noToken, false
	}
	if id, ok := m.chars[text]; ok {
		return id, true
	}
	id = m.size + int32(len(m.spelled))
	var bytes []int32
	for i := range len(text) {
		if b := m.byteToken(text[i]); b != noToken {
			bytes = append(bytes, b)
		}
	}
	m.spelled = append(m.spelled, bytes)
	m.chars[text] = id
	if text[0] < utf8.RuneSelf {
		m.ascii[text[0]] = id
	}
	return id, true
}

// rankScores numbers the scores downwards, so that the better of two merges is
// the lower number and equal scores stay equal.
func rankScores(scores []float32, size int) []int32 {
	ranks := make([]int32, size)
	if scores == nil {
		return ranks
	}
	order := make([]int32, size)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	for i, id := range order[1:] {
		before := order[i]
		ranks[id] = ranks[before]
		if scores[id] != scores[before] {
			ranks[id]++
		}
	}
	return ranks
}
