package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// jsonReader does what a Hugging Face tokenizer does before its model.
type jsonReader struct {
	bpe       *bpe
	normalize []func(string) string
	verbatim  *specials // looked for in the text as it is
	normal    *specials // looked for in the normalized text

	byteLevel   bool
	prefixSpace bool // ByteLevel's add_prefix_space
	meta        *metaspace
	split       splitter
	classes     *classes
	joints      joints
}

// metaspace writes spaces as ▁ and may put one before the text.
type metaspace struct {
	always bool // before every piece between special tokens
	first  bool // before the piece that begins the text
	split  bool // every ▁ begins a word
}

func (r *jsonReader) read(dst []int32, w *workspace, text string, special bool) []int32 {
	text = validText(text)
	for _, f := range r.verbatim.leftmost(w, r.classes, text, special) {
		if f.id != noToken {
			dst = append(dst, f.id)
			continue
		}
		s := text[f.start:f.end]
		for _, n := range r.normalize {
			s = n(s)
		}
		for _, g := range r.normal.leftmost(w, r.classes, s, special) {
			if g.id != noToken {
				dst = append(dst, g.id)
				continue
			}
			dst = r.piece(dst, w, s[g.start:g.end], f.start == 0 && g.start == 0)
		}
	}
	return dst
}

// piece adds the tokens of text without special tokens.
func (r *jsonReader) piece(dst []int32, w *workspace, s string, first bool) []int32 {
	if s == "" {
		return dst
	}
	if m := r.meta; m != nil {
		s = strings.ReplaceAll(s, " ", lowLine)
		if (m.always || m.first && first) && !strings.HasPrefix(s, lowLine) {
			s = lowLine + s
		}
		if m.split {
			return r.words(dst, w, s)
		}
	}
	if r.prefixSpace && !strings.HasPrefix(s, " ") {
		s = " " + s
	}
	if len(r.split) > 0 || r.byteLevel {
		return r.bpe.words(dst, w, r.classes, r.split, s)
	}
	return r.bpe.spaced(dst, w, &r.joints, s)
}

// words adds the tokens of words that each begin with a ▁.
func (r *jsonReader) words(dst []int32, w *workspace, s string) []int32 {
	for len(s) > 0 {
		n := len(s)
		_, from := utf8.DecodeRuneInString(s)
		if at := strings.Index(s[from:], lowLine); at >= 0 {
			n = from + at
		}
		dst = r.bpe.word(dst, w, s[:n])
		s = s[n:]
	}
	return dst
}

// leftmost cuts a text as Hugging Face does: from left to right, the longest
// special token at the first place where one is. Control tokens without
// control are passed over, together with what is inside of them.
func (s *specials) leftmost(w *workspace, c *classes, text string, control bool) []fragment {
	var out []fragment
	done := 0
	for i := 0; i < len(text); {
		if s.first[text[i]] == s.first[int(text[i])+1] {
			i++
			continue
		}
		w.found = s.at(w.found[:0], text, i)
		if len(w.found) == 0 {
			i++
			continue
		}
		sp := &s.list[w.found[len(w.found)-1]]
		start := i
		i += len(sp.text)
		if sp.control && !control || sp.singleWord && !c.alone(text[:start], text[i:]) {
			continue
		}
		stop := i
		if sp.lstrip {
			start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if sp.rstrip {
			stop = len(text) - len(strings.TrimLeftFunc(text[i:], unicode.IsSpace))
		}
		if done < start {
			out = append(out, fragment{done, start, noToken})
		}
		out = append(out, fragment{start, stop, sp.id})
		done = stop
	}
	if done < len(text) {
		out = append(out, fragment{done, len(text), noToken})
	}
	return out
}

// alone reports whether no word character is next to the place between the two.
func (c *classes) alone(before, after string) bool {
	word := func(r rune) bool {
		return c.of(r)&letter != 0 || unicode.In(r, unicode.M, unicode.Nd, newNumbers, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
	}
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	return (before == "" || !word(last)) && (after == "" || !word(next))
}

// readAdded collects the added tokens; the special ones do not show in Decode.
func (f *jsonFile) readAdded(t *Tokenizer, r *jsonReader) error {
	var verbatim, normal []special
	for _, a := range f.AddedTokens {
		s := special{text: a.Content, id: int32(a.ID), control: a.Special, lstrip: a.Lstrip, rstrip: a.Rstrip, singleWord: a.SingleWord}
		t.tokens[a.ID].hidden = a.Special
		if r.byteLevel {
			t.tokens[a.ID].text = a.Content // it is not written in the alphabet of bytes
		}
		if !a.Normalized {
			verbatim = append(verbatim, s)
			continue
		}
		for _, n := range r.normalize {
			s.text = n(s.text)
		}
		normal = append(normal, s)
	}
	r.verbatim, r.normal = newSpecials(verbatim), newSpecials(normal)
	return nil
}

const maxDepth = 8 // of sequences in sequences

// jsonPart is a component, with the fields of all kinds that are known.
type jsonPart struct {
	Type        string            `json:"type"`
	Normalizers []json.RawMessage `json:"normalizers"`
	PreTokens   []json.RawMessage `json:"pretokenizers"`
	Processors  []json.RawMessage `json:"processors"`
	Decoders    []json.RawMessage `json:"decoders"`
	Prepend     string            `json:"prepend"`
	Pattern     struct {
		String *string
		Regex  *string
	} `json:"pattern"`
	Content          string  `json:"content"`
	Behavior         string  `json:"behavior"`
	Invert           bool    `json:"invert"`
	AddPrefixSpace   *bool   `json:"add_prefix_space"`
	UseRegex         *bool   `json:"use_regex"`
	IndividualDigits bool    `json:"individual_digits"`
	Replacement      string  `json:"replacement"`
	PrependScheme    *string `json:"prepend_scheme"`
	Split            *bool   `json:"split"`
	Start            int     `json:"start"`
	Stop             int     `json:"stop"`
	Single           []struct {
		SpecialToken *struct {
			ID string `json:"id"`
		}
		Sequence *struct {
			ID string `json:"id"`
		}
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int64 `json:"ids"`
	} `json:"special_tokens"`
}

// parsePart reads a component, nil where there is none.
func parsePart(raw json.RawMessage, depth int) (*jsonPart, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("sequences: want at most %d within each other, found more", maxDepth)
	}
	var p jsonPart
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

func (r *jsonReader) readNormalizer(raw json.RawMessage, depth int) error {
	p, err := parsePart(raw, depth)
	if p == nil || err != nil {
		return err
	}
	switch p.Type {
	case "Sequence":
		for _, n := range p.Normalizers {
			if err := r.readNormalizer(n, depth+1); err != nil {
				return err
			}
		}
	case "NFC":
		r.normalize = append(r.normalize, nfc)
	case "Prepend":
		r.normalize = append(r.normalize, func(s string) string {
			if s == "" {
				return s
			}
			return p.Prepend + s
		})
	case "Replace":
		if p.Pattern.String == nil || *p.Pattern.String == "" {
			return fmt.Errorf("type Replace: want a pattern that is a text, found %s: %w", raw[:min(len(raw), 80)], ErrUnsupported)
		}
		r.normalize = append(r.normalize, func(s string) string { return strings.ReplaceAll(s, *p.Pattern.String, p.Content) })
	default:
		return fmt.Errorf("type %.40q: %w", p.Type, ErrUnsupported)
	}
	return nil
}

// readJoints finds where text can be cut when no pre-tokenizer does it.
func (r *jsonReader) readJoints(merges jsonMerges) {
	m := r.bpe
	r.joints = newJoints(len(m.ids))
	r.joints.never = m.whole
	if m.unknown != noToken && slices.Contains(m.bytes[:], noToken) {
		// An unknown character waits for a known one, which a ▁ must be.
		_, known := m.ids[lowLine]
		r.joints.spaces, r.joints.never = true, m.whole || !known
	}
	// Where a byte or the unknown token may be merged, the text does not show what is next to each other.
	opaque := map[int32]bool{m.unknown: true}
	for _, id := range m.bytes {
		opaque[id] = true
	}
	for _, merge := range merges {
		if opaque[m.ids[merge[0]]] || opaque[m.ids[merge[1]]] {
			r.joints.never = true
			return
		}
		last, _ := utf8.DecodeLastRuneInString(merge[0])
		first, _ := utf8.DecodeRuneInString(merge[1])
		r.joints.add(last, first)
	}
}
