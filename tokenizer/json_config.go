package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
)

// readTemplate reads what the post-processor puts around a text.
func (f *jsonFile) readTemplate(t *Tokenizer) error {
	var parts []*jsonPart
	if err := flatten(&parts, f.PostProcessor, 0, func(p *jsonPart) []json.RawMessage { return p.Processors }); err != nil {
		return err
	}
	for _, p := range parts {
		switch p.Type {
		case "ByteLevel": // it only moves offsets
		case "TemplateProcessing":
			if err := f.readTemplateOf(t, p); err != nil {
				return fmt.Errorf("type TemplateProcessing: %w", err)
			}
		default:
			return fmt.Errorf("type %.40q: %w", p.Type, ErrUnsupported)
		}
	}
	return nil
}

func (f *jsonFile) readTemplateOf(t *Tokenizer, p *jsonPart) error {
	if len(t.before)+len(t.after) > 0 {
		return fmt.Errorf("want one, found two: %w", ErrUnsupported)
	}
	at := &t.before
	for _, piece := range p.Single {
		switch {
		case piece.Sequence != nil && piece.Sequence.ID == "A" && at == &t.before:
			at = &t.after
		case piece.SpecialToken != nil:
			s, ok := p.SpecialTokens[piece.SpecialToken.ID]
			if !ok {
				return fmt.Errorf("special_tokens: want %.40q, found none", piece.SpecialToken.ID)
			}
			for _, id := range s.IDs {
				if id < 0 || id >= int64(len(t.tokens)) {
					return fmt.Errorf("special_tokens: %.40q: want an id below %d, found %d", piece.SpecialToken.ID, len(t.tokens), id)
				}
				*at = append(*at, int32(id))
			}
		default:
			return fmt.Errorf("single: want special tokens and the sequence A once: %w", ErrUnsupported)
		}
	}
	if at != &t.after {
		return fmt.Errorf("single: want the sequence A, found none: %w", ErrUnsupported)
	}
	return nil
}

// jsonConfig is a tokenizer_config.json.
type jsonConfig struct {
	Class    string          `json:"tokenizer_class"`
	AddBOS   *bool           `json:"add_bos_token"`
	AddEOS   *bool           `json:"add_eos_token"`
	BOS      jsonToken       `json:"bos_token"`
	EOS      jsonToken       `json:"eos_token"`
	Template json.RawMessage `json:"chat_template"`
}

// jsonToken is written as a text or as an object with a content.
type jsonToken string

func (k *jsonToken) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*k = jsonToken(text)
		return nil
	}
	var object struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	*k = jsonToken(object.Content)
	return nil
}

// configure finds BOS, EOS, the chat template and what ends a generation.
func (f *jsonFile) configure(t *Tokenizer, data []byte) error {
	ids := make(map[string]int32, len(f.Model.Vocab)+len(f.AddedTokens))
	for text, id := range f.Model.Vocab {
		ids[text] = int32(id)
	}
	for _, a := range f.AddedTokens {
		ids[a.Content] = int32(a.ID)
	}
	if data != nil {
		var c jsonConfig
		if err := json.Unmarshal(data, &c); err != nil {
			return err
		}
		if err := c.apply(t, ids); err != nil {
			return err
		}
	}
	for text := range endOfGeneration(func(text string) bool { _, ok := ids[text]; return ok }) {
		if id, ok := ids[text]; ok {
			t.eog[id] = true
		}
	}
	if t.eos != noToken {
		t.eog[t.eos] = true
	}
	return nil
}

func (c *jsonConfig) apply(t *Tokenizer, ids map[string]int32) error {
	for _, end := range []struct {
		key  string
		text jsonToken
		to   *int32
	}{{"bos_token", c.BOS, &t.bos}, {"eos_token", c.EOS, &t.eos}} {
		if end.text == "" {
			continue
		}
		id, ok := ids[string(end.text)]
		if !ok {
			return fmt.Errorf("%s: want a token of tokenizer.json, found %.40q", end.key, end.text)
		}
		*end.to = id
	}
	if err := c.replaceTemplate(t); err != nil {
		return err
	}
	return c.readChatTemplate(t)
}

// replaceTemplate does what the classes of the transformers library do that
// put their own template in place of the post-processor's.
func (c *jsonConfig) replaceTemplate(t *Tokenizer) error {
	if !slices.Contains([]string{"LlamaTokenizer", "LlamaTokenizerFast", "CodeLlamaTokenizer", "CodeLlamaTokenizerFast",
		"GemmaTokenizer", "GemmaTokenizerFast", "CohereTokenizer", "CohereTokenizerFast"}, c.Class) {
		return nil
	}
	t.before, t.after = nil, nil
	if c.AddBOS == nil || *c.AddBOS {
		if t.bos == noToken {
			return fmt.Errorf("add_bos_token: want a bos_token, found none")
		}
		t.before = []int32{t.bos}
	}
	if c.AddEOS != nil && *c.AddEOS {
		if t.eos == noToken {
			return fmt.Errorf("add_eos_token: want an eos_token, found none")
		}
		t.after = []int32{t.eos}
	}
	return nil
}

// readChatTemplate takes the template, of several the one named default.
func (c *jsonConfig) readChatTemplate(t *Tokenizer) error {
	if len(c.Template) == 0 || json.Unmarshal(c.Template, &t.template) == nil {
		return nil
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(c.Template, &named); err != nil {
		return fmt.Errorf("chat_template: want a text or named texts: %w", err)
	}
	for _, n := range named {
		if n.Name == "default" {
			t.template = n.Template
		}
	}
	return nil
}
