package tokenizer

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of token in tokenizer.ggml.token_type that matter.
const (
	typeNormal      = 1
	typeUnknown     = 2
	typeControl     = 3
	typeUserDefined = 4
	typeByte        = 6
)

// ggufFile is what the two kinds of vocabulary have in common.
type ggufFile struct {
	meta   meta
	tokens []string
	types  []int32
	ids    map[string]int32
}

// FromGGUF builds the tokenizer of a GGUF file from its metadata, the values as
// Go's own types: string, bool, the numbers, and slices of them. The strings
// are kept. Defaults, token lists and results are those of llama.cpp, but where
// it falls back on something that the file does not say: an unknown model
// (ErrModel) or pre-tokenizer (ErrPreTokenizer), an id beyond the vocabulary or
// a text that two tokens share is an error, and a gpt2 file without a BOS or
// EOS has none.
func FromGGUF(metadata map[string]any) (*Tokenizer, error) {
	f := &ggufFile{meta: metadata}
	t := newTokenizer()
	var err error
	if t.model, err = f.meta.str("tokenizer.ggml.model"); err != nil {
		return nil, err
	}
	if t.model != "llama" && t.model != "gpt2" {
		return nil, fmt.Errorf("tokenizer: tokenizer.ggml.model: want llama or gpt2, found %q: %w", t.model, ErrModel)
	}
	if t.template, err = f.meta.str("tokenizer.chat_template"); err != nil {
		return nil, err
	}
	if err := f.readTokens(); err != nil {
		return nil, err
	}
	if err := f.readEnds(t); err != nil {
		return nil, err
	}
	read := f.readScored
	if t.model == "gpt2" {
		read = f.readByteLevel
	}
	if err := read(t); err != nil {
		return nil, err
	}
	return t, nil
}

func (f *ggufFile) readTokens() error {
	var err error
	if f.tokens, err = f.meta.strs("tokenizer.ggml.tokens"); err != nil {
		return err
	}
	if len(f.tokens) == 0 {
		return fmt.Errorf("tokenizer: tokenizer.ggml.tokens: want tokens, found none")
	}
	if f.types, err = f.meta.types(len(f.tokens)); err != nil {
		return err
	}
	f.tokens, f.types = slices.Clone(f.tokens), slices.Clone(f.types)
	if f.types == nil {
		f.types = slices.Repeat([]int32{typeNormal}, len(f.tokens))
	}
	f.ids = make(map[string]int32, len(f.tokens))
	for id, text := range f.tokens {
		if text == "" {
			// An empty text would match everywhere; llama.cpp gives it this one.
			text = fmt.Sprintf("[EMPTY_%d]", id)
			f.tokens[id] = text
		}
		if other, twice := f.ids[text]; twice {
			return fmt.Errorf("tokenizer: tokenizer.ggml.tokens: want different texts, found %.40q for %d and %d", text, other, id)
		}
		f.ids[text] = int32(id)
	}
	return nil
}

// readEnds finds BOS, EOS and what else ends a generation. Tokens that look
// like control tokens become that.
func (f *ggufFile) readEnds(t *Tokenizer) error {
	bos, eos := int32(noToken), int32(noToken)
	if t.model == "llama" {
		bos, eos = 1, 2
	}
	size := len(f.tokens)
	var err error
	if t.bos, err = f.meta.id("tokenizer.ggml.bos_token_id", bos, size); err != nil {
		return err
	}
	if t.eos, err = f.meta.id("tokenizer.ggml.eos_token_id", eos, size); err != nil {
		return err
	}
	for _, key := range []string{"eot", "eom"} {
		id, err := f.meta.id("tokenizer.ggml."+key+"_token_id", noToken, size)
		if err != nil {
			return err
		}
		t.eog[id] = true
	}
	if err := f.readInfill(t); err != nil {
		return err
	}
	f.overrideTypes(t)
	t.eog[t.eos] = true
	delete(t.eog, noToken)
	return nil
}

// readInfill finds the tokens for filling in the middle, by key or by text;
// some of them end a generation.
func (f *ggufFile) readInfill(t *Tokenizer) error {
	for _, in := range infill {
		id := int32(noToken)
		for _, key := range in.keys {
			other, err := f.meta.id("tokenizer.ggml."+key, id, len(f.tokens))
			if err != nil {
				return err
			}
			id = other
		}
		if id == noToken {
			for _, text := range in.texts {
				if found, ok := f.ids[text]; ok {
					id = found
					f.types[id] = typeControl
					break
				}
			}
		}
		if in.ends {
			t.eog[id] = true
		}
	}
	return nil
}

func (f *ggufFile) overrideTypes(t *Tokenizer) {
	has := func(text string) bool { _, ok := f.ids[text]; return ok }
	for id := range endOfGeneration(has) {
		if n, ok := f.ids[id]; ok {
			t.eog[n] = true
			f.types[n] = typeControl
		}
	}
	for _, text := range alwaysShown {
		if id, ok := f.ids[text]; ok {
			f.types[id] = typeUserDefined
		}
	}
	if id, ok := f.ids["<|end|>"]; ok && endsByOthers(has) {
		f.types[id] = typeUserDefined
	}
}

// specials lists the tokens that are looked for in the text, with the white
// space that some models' tokens take along.
func (f *ggufFile) specials(pre string) (*specials, error) {
	name, err := f.meta.str("general.name")
	if err != nil {
		return nil, err
	}
	name = strings.ToLower(name)
	phi3 := strings.Contains(name, "phi-3") || strings.Contains(name, "phi3")
	mask := slices.Contains([]string{"jina-v2-de", "jina-v2-es", "jina-v2-code"}, pre)
	var list []special
	for id, text := range f.tokens {
		k := f.types[id]
		if k != typeControl && k != typeUserDefined && k != typeUnknown {
			continue
		}
		s := special{text: text, id: int32(id), control: k != typeUserDefined}
		s.lstrip = mask && text == "<mask>"
		s.rstrip = phi3 && !mask && !slices.Contains([]string{"<unk>", "<s>", "<|endoftext|>"}, text)
		list = append(list, s)
	}
	return newSpecials(list), nil
}

// readAround decides what Encode puts around a text.
func (f *ggufFile) readAround(t *Tokenizer, addBOS bool) error {
	for _, end := range []struct {
		key string
		id  int32
		add bool
		to  *[]int32
	}{
		{"tokenizer.ggml.add_bos_token", t.bos, addBOS, &t.before},
		{"tokenizer.ggml.add_eos_token", t.eos, false, &t.after},
	} {
		add, err := f.meta.flag(end.key, end.add)
		if err != nil {
			return err
		}
		if !add {
			continue
		}
		if end.id == noToken {
			if _, said := f.meta[end.key]; said {
				return fmt.Errorf("tokenizer: %s: want a token to add, found none", end.key)
			}
			continue
		}
		*end.to = []int32{end.id}
	}
	return nil
}
