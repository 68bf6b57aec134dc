package tokenizer

import (
	"math"
	"unicode/utf8"
)

// alphabet says what a word's first symbols are.
type alphabet uint8

const (
	bytesOf  alphabet = iota // every byte is a token's text (byte-level BPE)
	scoredOf                 // characters; whatever two symbols spell merges if it is a token, the best score first (llama.cpp's SPM)
	charsOf                  // characters, merged by a list (Hugging Face's form of SentencePiece BPE)
)

const (
	noRank  = math.MaxInt32
	noToken = -1
)

// bpe turns a word into tokens.
type bpe struct {
	alphabet alphabet
	ids      map[string]int32 // of every token's text; in bytesOf of its bytes
	longest  int              // of scoredOf: bytes of the longest text in ids
	ranks    []int32          // [len(ids)] of scoredOf: the order of the scores
	pairs    *pairs           // the merges; in scoredOf those that make at most pairedText bytes
	bytes    [256]int32       // the token for a byte, noToken where there is none
	ascii    [128]int32       // the token for a character, noToken where there is none; not in bytesOf
	whole    bool             // a word that is a token is not built from merges
	unknown  int32            // for characters that nothing spells, noToken drops them
	fuse     bool             // neighbouring unknown characters are one token
	spelled  [][]int32        // the tokens of the ids that follow the vocabulary: texts that are no token but merge to one
	size     int32            // of the vocabulary
	chars    map[string]int32 // of scoredOf: characters that are no token but merge to one
}

// part is a symbol of a word: where it starts, its token, and the merge with
// the part behind it.
type part struct {
	start, id, rank, joined int32
}

// short is the number of parts up to which scanning them for the best merge
// beats keeping a queue.
const short = 40

// append adds the tokens of a word.
func (m *bpe) append(dst []int32, w *workspace, word string) []int32 {
	if m.whole {
		if id, ok := m.ids[word]; ok {
			return append(dst, id)
		}
	}
	p := m.parts(w.parts[:0], word)
	p = append(p, part{start: int32(len(word))})
	if len(p) <= short {
		for i := range p {
			m.rate(word, p, i)
		}
		p = m.mergeShort(word, p)
	} else {
		p = m.mergeLong(w, word, p)
	}
	for i, q := range p[:len(p)-1] {
		switch {
		case q.id == noToken:
			for j := q.start; j < p[i+1].start; j++ {
				if id := m.byteToken(word[j]); id != noToken {
					dst = append(dst, id)
				}
			}
		case q.id >= m.size:
			dst = append(dst, m.spelled[q.id-m.size]...)
		default:
			dst = append(dst, q.id)
		}
	}
	w.parts = p[:0]
	return dst
}

func (m *bpe) byteToken(b byte) int32 {
	if id := m.bytes[b]; id != noToken {
		return id
	}
	return m.unknown
}

// parts cuts a word into its first symbols.
func (m *bpe) parts(p []part, word string) []part {
	switch m.alphabet {
	case bytesOf:
		return m.byteParts(p, word)
	case scoredOf:
		for i := 0; i < len(word); {
			n := min(charLen(word[i]), len(word)-i)
			p = append(p, part{start: int32(i), id: m.char(word[i : i+n])})
			i += n
		}
		return p
	}
	return m.charParts(p, word)
}

// char returns the token of a character, or in scoredOf the id behind the
// vocabulary that stands for it, noToken where there is neither.
func (m *bpe) char(c string) int32 {
	if c[0] < utf8.RuneSelf {
		return m.ascii[c[0]]
	}
	if id, ok := m.ids[c]; ok {
		return id
	}
	if id, ok := m.chars[c]; ok {
		return id
	}
	return noToken
}

func (m *bpe) byteParts(p []part, word string) []part {
	for i := range len(word) {
		if id := m.bytes[word[i]]; id != noToken {
			p = append(p, part{start: int32(i), id: id})
		} else if m.unknown != noToken && (!m.fuse || i == 0 || m.bytes[word[i-1]] != noToken) {
			p = append(p, part{start: int32(i), id: m.unknown})
		}
	}
	return p
}

// charParts follows BPE::merge_word of Hugging Face's tokenizers, where an
// unknown character is only added when a known one or the end follows it.
func (m *bpe) charParts(p []part, word string) []part {
	pending := int32(noToken) // where the unknown character starts
	flush := func() {
		if pending != noToken {
			p = append(p, part{start: pending, id: m.unknown})
			pending = noToken
		}
	}
	for i, r := range word {
		n := utf8.RuneLen(r)
		if id := m.char(word[i : i+n]); id != noToken {
			flush()
			p = append(p, part{start: int32(i), id: id})
			continue
		}
		if m.spelledInBytes(word[i : i+n]) {
			for j := i; j < i+n; j++ {
				p = append(p, part{start: int32(j), id: m.bytes[word[j]]})
			}
			continue
		}
		if m.unknown == noToken || m.fuse && pending != noToken {
			continue
		}
		flush()
		pending = int32(i)
	}
	flush()
	return p
}

func (m *bpe) spelledInBytes(s string) bool {
	for i := range len(s) {
		if m.bytes[s[i]] == noToken {
			return false
		}
	}
	return true
}

// charLen is the length that the first byte of a UTF-8 sequence announces; 1
// for one that cannot be first.
func charLen(b byte) int {
	switch {
	case b < 0xc0:
		return 1
	case b < 0xe0:
		return 2
	case b < 0xf0:
		return 3
	}
	return 4
}

// join returns the rank and the token of merging the neighbours p[left] and
// p[right], behind which p[end] starts.
func (m *bpe) join(word string, p []part, left, right, end int) (rank, id int32) {
	rank, id = m.pairs.get(p[left].id, p[right].id)
	if rank != noRank || m.longest <= pairedText {
		return rank, id
	}
	text := word[p[left].start:p[end].start]
	if len(text) <= pairedText || len(text) > m.longest {
		return noRank, 0
	}
	if id, ok := m.ids[text]; ok {
		return m.ranks[id], id
	}
	return noRank, 0
}

// rate looks up the merge of p[i] and the part behind it; the last of p only
// marks the end.
func (m *bpe) rate(word string, p []part, i int) {
	if i+2 >= len(p) {
		p[i].rank = noRank
		return
	}
	p[i].rank, p[i].joined = m.join(word, p, i, i+1, i+2)
}

func (m *bpe) mergeShort(word string, p []part) []part {
	for {
		at, best := -1, int32(noRank)
		for i := range p {
			if p[i].rank < best {
				at, best = i, p[i].rank
			}
		}
		if at < 0 {
			return p
		}
		p[at].id = p[at].joined
		copy(p[at+1:], p[at+2:])
		p = p[:len(p)-1]
		m.rate(word, p, at)
		if at > 0 {
			m.rate(word, p, at-1)
		}
	}
}
