package tokenizer

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// special is a token that is looked for in the text before it is cut into
// words.
type special struct {
	text           string
	id             int32
	control        bool // only looked for with EncodeOptions.Special
	lstrip, rstrip bool // takes the white space on that side along
	singleWord     bool // only where no word character is next to it
}

// specials finds special tokens in a text.
type specials struct {
	list  []special  // sorted by text
	first [257]int32 // list[first[b]:first[b+1]] begin with the byte b
	order []int32    // indices of list, the longest text first, then by id
}

func newSpecials(list []special) *specials {
	s := &specials{list: slices.Clone(list)}
	slices.SortFunc(s.list, func(a, b special) int { return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.id, b.id)) })
	s.list = slices.CompactFunc(s.list, func(a, b special) bool { return a.text == b.text })
	s.list = slices.DeleteFunc(s.list, func(a special) bool { return a.text == "" })
	for i, a := range s.list {
		s.first[int(a.text[0])+1] = int32(i) + 1
		s.order = append(s.order, int32(i))
	}
	for b := 1; b < len(s.first); b++ {
		s.first[b] = max(s.first[b], s.first[b-1])
	}
	slices.SortStableFunc(s.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(len(s.list[b].text), len(s.list[a].text)), cmp.Compare(s.list[a].id, s.list[b].id))
	})
	return s
}

// at adds the indices of the specials that text[i:] begins with, the shortest
// first.
func (s *specials) at(found []int32, text string, i int) []int32 {
	lo, hi := s.first[text[i]], s.first[int(text[i])+1]
	for d := 1; lo < hi; d++ {
		if len(s.list[lo].text) == d {
			found = append(found, lo)
			lo++
		}
		if i+d >= len(text) || lo == hi {
			break
		}
		c := text[i+d]
		in := s.list[lo:hi]
		from := sort.Search(len(in), func(k int) bool { return in[k].text[d] >= c })
		to := from + sort.Search(len(in)-from, func(k int) bool { return in[from+k].text[d] > c })
		lo, hi = lo+int32(from), lo+int32(to)
	}
	return found
}

// fragment is a stretch of a text, or the token that stands there.
type fragment struct {
	start, end int
	id         int32 // noToken for text
}

// partition cuts a text as llama.cpp does: the longest special token is taken
// out wherever it is, then the next one from what is left. Text where none
// occurs comes back whole.
func (s *specials) partition(w *workspace, text string, control bool) []fragment {
	whole := []fragment{{0, len(text), noToken}}
	if !s.mark(w, text) {
		return whole
	}
	fragments := whole
	for _, k := range s.order {
		if !w.seen[k] {
			continue
		}
		w.seen[k] = false
		if sp := &s.list[k]; control || !sp.control {
			fragments = sp.take(fragments, text)
		}
	}
	return fragments
}

// mark notes in w.seen which specials occur in the text: with hundreds of them
// and a text that holds few, this is one pass instead of one for each.
func (s *specials) mark(w *workspace, text string) bool {
	any := false
	for i := range len(text) {
		if s.first[text[i]] == s.first[int(text[i])+1] {
			continue
		}
		w.found = s.at(w.found[:0], text, i)
		if len(w.found) > 0 && !any {
			any = true
			w.seen = append(w.seen[:0], make([]bool, len(s.list))...)
		}
		for _, k := range w.found {
			w.seen[k] = true
		}
	}
	return any
}

// take cuts the fragments of text at the special token.
func (sp *special) take(fragments []fragment, text string) []fragment {
	var out []fragment
	for _, f := range fragments {
		if f.id != noToken {
			out = append(out, f)
			continue
		}
		for f.start < f.end {
			n := strings.Index(text[f.start:f.end], sp.text)
			if n < 0 {
				out = append(out, f)
				break
			}
			left := fragment{f.start, f.start + n, noToken}
			f.start += n + len(sp.text)
			if sp.lstrip {
				left.end = left.start + len(strings.TrimRight(text[left.start:left.end], asciiSpace))
			}
			if left.start < left.end {
				out = append(out, left)
			}
			out = append(out, fragment{id: sp.id})
			if sp.rstrip {
				f.start = f.end - len(strings.TrimLeft(text[f.start:f.end], asciiSpace))
			}
		}
	}
	return out
}

const asciiSpace = " \t\n\v\f\r" // C's isspace
