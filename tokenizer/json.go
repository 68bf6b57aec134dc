package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// jsonFile is a tokenizer.json. Truncation and padding are the caller's.
type jsonFile struct {
	AddedTokens   []jsonAdded     `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         jsonModel       `json:"model"`
}

type jsonAdded struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	Lstrip     bool   `json:"lstrip"`
	Rstrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type jsonModel struct {
	Type         string           `json:"type"`
	Dropout      float64          `json:"dropout"`
	Unknown      string           `json:"unk_token"`
	Prefix       string           `json:"continuing_subword_prefix"`
	Suffix       string           `json:"end_of_word_suffix"`
	Fuse         bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
	Vocab        map[string]int64 `json:"vocab"`
	Merges       jsonMerges       `json:"merges"`
}

// jsonMerges are written as "a b" or as ["a", "b"].
type jsonMerges [][2]string

func (m *jsonMerges) UnmarshalJSON(data []byte) error {
	*m = jsonMerges{} // none is not no list
	var lines []string
	if json.Unmarshal(data, &lines) == nil {
		for i, line := range lines {
			if strings.HasPrefix(line, "#version") {
				continue
			}
			left, right, ok := strings.Cut(line, " ")
			if !ok || strings.Contains(right, " ") {
				return fmt.Errorf("merge %d: want two tokens and a space, found %.40q", i, line)
			}
			*m = append(*m, [2]string{left, right})
		}
		return nil
	}
	var lists [][]string
	if err := json.Unmarshal(data, &lists); err != nil {
		return fmt.Errorf("merges: want \"a b\" or [\"a\", \"b\"]: %w", err)
	}
	for i, list := range lists {
		if len(list) != 2 {
			return fmt.Errorf("merge %d: want two tokens, found %d", i, len(list))
		}
		*m = append(*m, [2]string(list))
	}
	return nil
}

// FromJSON builds the tokenizer of a Hugging Face tokenizer.json, and of
// tokenizer_config.json for BOS, EOS and the chat template; that may be nil.
// Every component must be one that is known here, else the error wraps
// ErrUnsupported, ErrModel or ErrPreTokenizer. Where Decode differs from Hugging
// Face it does so to undo Encode: without a decoder, tokens are not put together
// with spaces between them, the Metaspace decoder takes off one leading space
// and not all, and bytes of a byte fallback that are no character do not spoil
// the characters next to them.
func FromJSON(tokenizerJSON, tokenizerConfig []byte) (*Tokenizer, error) {
	var f jsonFile
	if err := json.Unmarshal(tokenizerJSON, &f); err != nil {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: %w", err)
	}
	t := newTokenizer()
	if err := f.build(t); err != nil {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: %w", err)
	}
	if err := f.configure(t, tokenizerConfig); err != nil {
		return nil, fmt.Errorf("tokenizer: tokenizer_config.json: %w", err)
	}
	return t, nil
}

func (f *jsonFile) build(t *Tokenizer) error {
	r := &jsonReader{bpe: &t.bpe}
	t.reader = r
	if err := f.Model.check(); err != nil {
		return err
	}
	if err := r.readNormalizer(f.Normalizer, 0); err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	if err := r.readPreTokenizer(t, f.PreTokenizer); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	t.model = "llama"
	if r.byteLevel {
		t.model = "gpt2"
	}
	if err := f.readVocab(t); err != nil {
		return err
	}
	if err := f.readModel(t, r); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if err := f.readAdded(t, r); err != nil {
		return err
	}
	if err := f.readDecoder(t, r); err != nil {
		return fmt.Errorf("decoder: %w", err)
	}
	if err := f.readTemplate(t); err != nil {
		return fmt.Errorf("post_processor: %w", err)
	}
	return nil
}

func (m *jsonModel) check() error {
	switch {
	case m.Type != "BPE" && m.Type != "":
		return fmt.Errorf("model: type: want BPE, found %q: %w", m.Type, ErrModel)
	case m.Vocab == nil || m.Merges == nil && m.Type == "":
		return fmt.Errorf("model: want a BPE vocabulary and merges, found none: %w", ErrModel)
	case len(m.Vocab) == 0:
		return fmt.Errorf("model: vocab: want tokens, found none")
	case m.Dropout != 0:
		return fmt.Errorf("model: dropout: want none, found %g: %w", m.Dropout, ErrUnsupported)
	case m.Prefix != "" || m.Suffix != "":
		return fmt.Errorf("model: continuing_subword_prefix, end_of_word_suffix: want none, found %q, %q: %w", m.Prefix, m.Suffix, ErrUnsupported)
	}
	return nil
}

// readVocab fills t.tokens with the texts of the vocabulary and of the added
// tokens, as they are written. Ids may have gaps, but not beyond what the size
// of the vocabulary can justify.
func (f *jsonFile) readVocab(t *Tokenizer) error {
	put := func(text string, id, limit int64) error {
		if id < 0 || id >= limit {
			return fmt.Errorf("id of %.40q: want one from 0 to %d, found %d", text, limit-1, id)
		}
		for int64(len(t.tokens)) <= id {
			t.tokens = append(t.tokens, token{hidden: true})
		}
		if old := t.tokens[id]; !old.hidden {
			return fmt.Errorf("id %d: want one token, found %.40q and %.40q", id, old.text, text)
		}
		t.tokens[id] = token{text: text}
		return nil
	}
	for text, id := range f.Model.Vocab {
		if err := put(text, id, 2*int64(len(f.Model.Vocab))+1024); err != nil {
			return fmt.Errorf("model: vocab: %w", err)
		}
	}
	seen := map[string]bool{}
	for _, a := range f.AddedTokens {
		if id, ok := f.Model.Vocab[a.Content]; ok {
			if id != a.ID {
				return fmt.Errorf("added_tokens: id of %.40q: want %d as in the vocabulary, found %d", a.Content, id, a.ID)
			}
			continue
		}
		if seen[a.Content] {
			return fmt.Errorf("added_tokens: want %.40q once, found it twice", a.Content)
		}
		seen[a.Content] = true
		if err := put(a.Content, a.ID, int64(len(t.tokens)+len(f.AddedTokens))); err != nil {
			return fmt.Errorf("added_tokens: %w", err)
		}
	}
	return nil
}

// readModel builds the merges. Their tokens and what they make must be in the
// vocabulary; of two merges of one pair the last counts.
func (f *jsonFile) readModel(t *Tokenizer, r *jsonReader) error {
	m := &t.bpe
	*m = bpe{alphabet: charsOf, whole: f.Model.IgnoreMerges, unknown: noToken, fuse: f.Model.Fuse, size: int32(len(t.tokens))}
	m.ids = make(map[string]int32, len(f.Model.Vocab))
	for text, id := range f.Model.Vocab {
		m.ids[text] = int32(id)
	}
	if f.Model.Unknown != "" {
		id, ok := m.ids[f.Model.Unknown]
		if !ok {
			return fmt.Errorf("unk_token: want a token, found %.40q", f.Model.Unknown)
		}
		m.unknown = id
	}
	m.pairs = newPairs(len(f.Model.Merges))
	var joined []byte
	for rank, merge := range f.Model.Merges {
		joined = append(append(joined[:0], merge[0]...), merge[1]...)
		left, okLeft := m.ids[merge[0]]
		right, okRight := m.ids[merge[1]]
		id, ok := m.ids[string(joined)]
		if !okLeft || !okRight || !ok {
			return fmt.Errorf("merges: want tokens of the vocabulary, found merge %d of %.40q and %.40q", rank, merge[0], merge[1])
		}
		m.pairs.put(left, right, int32(rank), id, false)
	}
	if r.byteLevel {
		return f.readBytes(t)
	}
	for b := range m.bytes {
		m.bytes[b] = noToken
		if id, ok := m.ids[fmt.Sprintf("<0x%02X>", b)]; ok && f.Model.ByteFallback {
			m.bytes[b] = id
		}
	}
	m.readASCII()
	r.readJoints(f.Model.Merges)
	return nil
}

// readBytes turns the vocabulary of a byte-level model into bytes.
func (f *jsonFile) readBytes(t *Tokenizer) error {
	m := &t.bpe
	chars := newByteLevel()
	for b, r := range chars.char {
		id, ok := m.ids[string(r)]
		if !ok {
			if f.Model.ByteFallback {
				return fmt.Errorf("byte_fallback: want every byte in the vocabulary with ByteLevel, byte %d is not: %w", b, ErrUnsupported)
			}
			id = noToken
		}
		m.bytes[b] = id
	}
	m.alphabet, m.ids = bytesOf, nil
	if m.whole {
		m.ids = make(map[string]int32, len(f.Model.Vocab))
	}
	var raw []byte
	for text, id := range f.Model.Vocab {
		bytes, ok := chars.appendBytes(raw[:0], text)
		raw = bytes
		if !ok {
			continue
		}
		t.tokens[id].text = string(bytes)
		if m.whole {
			m.ids[t.tokens[id].text] = int32(id)
		}
	}
	return nil
}
