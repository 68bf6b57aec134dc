package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
)

// readScored builds the SentencePiece-style tokenizer ("llama").
func (f *ggufFile) readScored(t *Tokenizer) error {
	m := &t.bpe
	*m = bpe{alphabet: scoredOf, ids: f.ids, size: int32(len(f.tokens))}
	scores, err := f.meta.scores(len(f.tokens))
	if err != nil {
		return err
	}
	m.ranks = rankScores(scores, len(f.tokens))
	if m.unknown, err = f.meta.id("tokenizer.ggml.unknown_token_id", 0, len(f.tokens)); err != nil {
		return err
	}
	for b := range 256 {
		m.bytes[b] = f.byteToken(byte(b))
	}
	m.readASCII()
	m.readPairs(f.tokens)
	r := &scoredReader{bpe: m, joints: newJoints(len(f.tokens))}
	for id, text := range f.tokens {
		r.joints.addText(text)
		piece, err := f.scoredPiece(id)
		if err != nil {
			return err
		}
		t.tokens = append(t.tokens, token{piece, f.types[id] == typeControl || f.types[id] == typeUnknown})
	}
	if r.prefix, err = f.meta.flag("tokenizer.ggml.add_space_prefix", true); err != nil {
		return err
	}
	t.dropSpace = r.prefix
	if r.specials, err = f.specials(""); err != nil {
		return err
	}
	t.reader = r
	return f.readAround(t, true)
}

// byteToken finds the token of a byte: <0x41>, or else the byte as text.
func (f *ggufFile) byteToken(b byte) int32 {
	if id, ok := f.ids[fmt.Sprintf("<0x%02X>", b)]; ok {
		return id
	}
	if id, ok := f.ids[string([]byte{b})]; ok {
		return id
	}
	return noToken
}

// scoredPiece is what a token contributes to a text. A token of the byte type
// that is written as <0x..> must say which byte; written otherwise it is text.
func (f *ggufFile) scoredPiece(id int) (string, error) {
	text := f.tokens[id]
	switch f.types[id] {
	case typeControl, typeUserDefined, typeUnknown:
		return text, nil
	case typeByte:
		if b, ok := parseByte(text); ok {
			return string([]byte{b}), nil
		}
		if strings.HasPrefix(text, "<0x") {
			return "", fmt.Errorf("tokenizer: tokenizer.ggml.tokens: want a byte such as <0x0A> for token %d, found %.40q", id, text)
		}
	case typeNormal:
	default:
		return "", nil
	}
	return strings.ReplaceAll(text, lowLine, " "), nil
}

// parseByte reads the text of a byte token, <0x00> to <0xFF>.
func parseByte(text string) (byte, bool) {
	if len(text) != 6 || text[:3] != "<0x" || text[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(text[3:5], 16, 8)
	return byte(b), err == nil
}

// scoredReader is llama.cpp's SPM: a space goes before the text, and again
// behind every special token, and spaces are written as ▁.
type scoredReader struct {
	bpe      *bpe
	specials *specials
	joints   joints
	prefix   bool
}

func (r *scoredReader) read(dst []int32, w *workspace, text string, special bool) []int32 {
	first := true
	for _, f := range r.specials.partition(w, text, special) {
		if f.id != noToken {
			dst, first = append(dst, f.id), true
			continue
		}
		s := strings.ReplaceAll(text[f.start:f.end], " ", lowLine)
		if r.prefix && first {
			s = lowLine + s
		}
		dst, first = r.bpe.spaced(dst, w, &r.joints, s), false
	}
	return dst
}

// readByteLevel builds the byte-level tokenizer ("gpt2").
func (f *ggufFile) readByteLevel(t *Tokenizer) error {
	var err error
	if t.pre, err = f.meta.str("tokenizer.ggml.pre"); err != nil {
		return err
	}
	if t.pre == "" {
		t.pre = "default"
	}
	pre, ok := preByName(t.pre)
	if !ok {
		return fmt.Errorf("tokenizer: tokenizer.ggml.pre: %q: %w", t.pre, ErrPreTokenizer)
	}
	merges, err := f.meta.strs("tokenizer.ggml.merges")
	if err != nil {
		return err
	}
	if merges == nil {
		return fmt.Errorf("tokenizer: tokenizer.ggml.merges: want merges, found none")
	}
	f.buildByteLevel(t, pre, merges)
	r := &byteReader{bpe: &t.bpe, classes: newClasses(false), split: pre.split}
	if r.specials, err = f.specials(t.pre); err != nil {
		return err
	}
	t.reader = r
	return f.readAround(t, pre.addBOS)
}

func (f *ggufFile) buildByteLevel(t *Tokenizer, pre preTokenizer, merges []string) {
	m := &t.bpe
	*m = bpe{alphabet: bytesOf, whole: pre.ignoreMerges, unknown: noToken, size: int32(len(f.tokens))}
	chars := newByteLevel()
	names := &names{file: f, bpe: m, extra: map[string]int32{}}
	for b, r := range chars.char {
		m.bytes[b] = names.id(string(r))
	}
	m.pairs = newPairs(len(merges))
	var joined []byte
	for rank, line := range merges {
		left, right := cutMerge(line)
		joined = append(append(joined[:0], left...), right...)
		m.pairs.put(names.id(left), names.id(right), int32(rank), names.idOf(joined), true)
	}
	if m.whole {
		m.ids = make(map[string]int32, len(f.tokens))
	}
	var raw []byte
	for id, text := range f.tokens {
		bytes, ok := chars.appendBytes(raw[:0], text)
		raw = bytes
		piece := text
		if ok {
			piece = string(bytes)
			if m.whole {
				m.ids[piece] = int32(id)
			}
		}
		switch f.types[id] {
		case typeControl, typeUserDefined, typeUnknown:
			piece = text
		case typeNormal:
		default:
			piece = ""
		}
		t.tokens = append(t.tokens, token{piece, f.types[id] == typeControl || f.types[id] == typeUnknown})
	}
}

// cutMerge splits a merge at its first space that does not begin it; a line
// without one merges nothing.
func cutMerge(line string) (left, right string) {
	if line == "" {
		return "", ""
	}
	n := strings.IndexByte(line[1:], ' ')
	if n < 0 {
		return "", ""
	}
	return line[:n+1], line[n+2:]
}

// names numbers texts: tokens by their ids, other texts that merges name behind
// them, with the tokens that llama.cpp spells those by, byte for byte.
type names struct {
	file  *ggufFile
	bpe   *bpe
	extra map[string]int32
}

func (n *names) id(text string) int32 {
	if id, ok := n.file.ids[text]; ok {
		return id
	}
	if id, ok := n.extra[text]; ok {
		return id
	}
	id := n.bpe.size + int32(len(n.bpe.spelled))
	n.extra[text] = id
	var tokens []int32
	for i := range len(text) {
		if id, ok := n.file.ids[text[i:i+1]]; ok {
			tokens = append(tokens, id)
		}
	}
	n.bpe.spelled = append(n.bpe.spelled, tokens)
	return id
}

// idOf is id, without a string for a text that is known.
func (n *names) idOf(text []byte) int32 {
	if id, ok := n.file.ids[string(text)]; ok {
		return id
	}
	return n.id(string(text))
}

// byteReader is llama.cpp's BPE.
type byteReader struct {
	bpe      *bpe
	specials *specials
	classes  *classes
	split    splitter
}

func (r *byteReader) read(dst []int32, w *workspace, text string, special bool) []int32 {
	for _, f := range r.specials.partition(w, text, special) {
		if f.id != noToken {
			dst = append(dst, f.id)
			continue
		}
		dst = r.bpe.words(dst, w, r.classes, r.split, validText(text[f.start:f.end]))
	}
	return dst
}
