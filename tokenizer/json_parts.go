package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The patterns of Split that have a scanner, as tokenizer.json files write
// them.
const (
	patternGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// scannerOf returns the scanner of a pattern; whole says that its matches leave
// nothing out.
func scannerOf(pattern string) (s scanner, whole bool) {
	switch pattern {
	case patternGPT2:
		return scanGPT2, true
	case patternLlama3:
		return scanLlama3, true
	case patternQwen2:
		return scanQwen2, true
	case "[\r\n]", `[\r\n]`:
		return scanBreak, false
	case `\s?[` + deepWords + `]+`:
		return scanDeepWord, false
	case `\s?[` + deepPuncts + `]+`:
		return scanDeepPunct, false
	case `\s+$`:
		return scanTrailing, false
	case `[` + deepHans + `]+`:
		return scanDeepHan, false
	case `\p{N}`:
		return scanDigit, false
	case `\p{N}+`:
		return scanNumber, false
	}
	return nil, false
}

// readPreTokenizer reads the pre-tokenizer: any splits, then ByteLevel, or
// Metaspace alone.
func (r *jsonReader) readPreTokenizer(t *Tokenizer, raw json.RawMessage) error {
	var parts []*jsonPart
	if err := flatten(&parts, raw, 0, func(p *jsonPart) []json.RawMessage { return p.PreTokens }); err != nil {
		return err
	}
	r.classes = newClasses(true)
	var names []string
	for i, p := range parts {
		last := i == len(parts)-1
		var name string
		var err error
		switch {
		case p.Type == "Split":
			name, err = r.addSplit(p)
		case p.Type == "Digits" && p.IndividualDigits:
			name, r.split = `\p{N}`, append(r.split, scanDigit)
		case p.Type == "Digits":
			name, r.split = `\p{N}+`, append(r.split, scanNumber)
		case p.Type == "ByteLevel" && last:
			name, err = r.addByteLevel(p, i == 0)
		case p.Type == "Metaspace" && len(parts) == 1:
			err = r.addMetaspace(p)
		default:
			err = fmt.Errorf("type %.40q as part %d of %d: %w", p.Type, i+1, len(parts), ErrPreTokenizer)
		}
		if err != nil {
			return err
		}
		if name != "" {
			names = append(names, name)
		}
	}
	t.pre = preName(names)
	return nil
}

// preName is llama.cpp's name for a sequence of patterns, or empty.
func preName(patterns []string) string {
	switch strings.Join(patterns, "\x00") {
	case patternGPT2:
		return "gpt-2"
	case patternLlama3:
		return "llama-bpe"
	case patternQwen2:
		return "qwen2"
	case `\p{N}` + "\x00" + patternGPT2:
		return "smollm"
	}
	if len(patterns) == 6 && patterns[1] == `\s?[`+deepWords+`]+` {
		return "deepseek-llm"
	}
	return ""
}

// flatten lists the parts of a component whose sequences are within each other.
func flatten(parts *[]*jsonPart, raw json.RawMessage, depth int, of func(*jsonPart) []json.RawMessage) error {
	p, err := parsePart(raw, depth)
	if p == nil || err != nil {
		return err
	}
	if p.Type != "Sequence" {
		*parts = append(*parts, p)
		return nil
	}
	for _, sub := range of(p) {
		if err := flatten(parts, sub, depth+1, of); err != nil {
			return err
		}
	}
	return nil
}

func (r *jsonReader) addSplit(p *jsonPart) (name string, err error) {
	if p.Pattern.Regex == nil {
		if p.Pattern.String != nil && *p.Pattern.String == " " && r.withoutSpaces() {
			return "", nil
		}
		return "", fmt.Errorf("type Split: want a regular expression: %w", ErrPreTokenizer)
	}
	pattern := *p.Pattern.Regex
	s, whole := scannerOf(pattern)
	if s == nil {
		return "", fmt.Errorf("type Split: pattern %.200q: %w", pattern, ErrPreTokenizer)
	}
	isolated := p.Behavior == "Isolated" && !p.Invert
	matches := p.Behavior == "Removed" && p.Invert && whole
	if !isolated && !matches {
		return "", fmt.Errorf("type Split: behavior %.40q with invert %t: %w", p.Behavior, p.Invert, ErrPreTokenizer)
	}
	r.split = append(r.split, s)
	return pattern, nil
}

// withoutSpaces reports that the normalizer leaves no space in the text, so
// that splitting at spaces does nothing.
func (r *jsonReader) withoutSpaces() bool {
	s := " a  b "
	for _, n := range r.normalize {
		s = n(s)
	}
	return !strings.Contains(s, " ")
}

func (r *jsonReader) addByteLevel(p *jsonPart, alone bool) (name string, err error) {
	r.byteLevel = true
	r.prefixSpace = p.AddPrefixSpace == nil || *p.AddPrefixSpace
	if r.prefixSpace && !alone {
		return "", fmt.Errorf("type ByteLevel: add_prefix_space: want false behind other parts, found true: %w", ErrPreTokenizer)
	}
	if p.UseRegex == nil || *p.UseRegex {
		r.split = append(r.split, scanGPT2)
		return patternGPT2, nil
	}
	return "", nil
}

func (r *jsonReader) addMetaspace(p *jsonPart) error {
	if p.Replacement != lowLine {
		return fmt.Errorf("type Metaspace: replacement: want %q, found %.40q: %w", lowLine, p.Replacement, ErrPreTokenizer)
	}
	r.meta = &metaspace{split: p.Split == nil || *p.Split}
	scheme, err := p.scheme()
	r.meta.always, r.meta.first = scheme == "always", scheme == "first"
	return err
}

// scheme is where Metaspace puts a ▁: "always", "first" or "never".
func (p *jsonPart) scheme() (string, error) {
	switch {
	case p.PrependScheme == nil && p.AddPrefixSpace != nil && !*p.AddPrefixSpace:
		return "never", nil
	case p.PrependScheme == nil:
		return "always", nil
	case *p.PrependScheme == "always", *p.PrependScheme == "first", *p.PrependScheme == "never":
		return *p.PrependScheme, nil
	}
	return "", fmt.Errorf("type Metaspace: prepend_scheme: want always, first or never, found %.40q: %w", *p.PrependScheme, ErrUnsupported)
}

// readDecoder turns the texts of the vocabulary into what they contribute.
func (f *jsonFile) readDecoder(t *Tokenizer, r *jsonReader) error {
	var parts []*jsonPart
	if err := flatten(&parts, f.Decoder, 0, func(p *jsonPart) []json.RawMessage { return p.Decoders }); err != nil {
		return err
	}
	fused := false
	for _, p := range parts {
		switch p.Type {
		case "ByteLevel":
			if !r.byteLevel || len(parts) > 1 {
				return fmt.Errorf("type ByteLevel: want it alone, with the pre-tokenizer of that name: %w", ErrUnsupported)
			}
		case "Replace":
			if p.Pattern.String == nil || *p.Pattern.String == "" || fused {
				return fmt.Errorf("type Replace: want a pattern that is a text, before Fuse: %w", ErrUnsupported)
			}
			t.eachText(func(s string) string { return strings.ReplaceAll(s, *p.Pattern.String, p.Content) })
		case "ByteFallback":
			t.eachText(func(s string) string {
				if b, ok := parseByte(s); ok {
					return string([]byte{b})
				}
				return s
			})
		case "Fuse":
			fused = true
		case "Strip":
			if p.Content != " " || p.Start < 0 || p.Start > 1 || p.Stop != 0 || !fused {
				return fmt.Errorf("type Strip: want one space at the start, behind Fuse, found %d and %d of %.40q: %w", p.Start, p.Stop, p.Content, ErrUnsupported)
			}
			t.dropSpace = p.Start == 1
		case "Metaspace":
			scheme, err := p.scheme()
			if err != nil {
				return err
			}
			if p.Replacement != lowLine || len(parts) > 1 {
				return fmt.Errorf("type Metaspace: want it alone, with %q: %w", lowLine, ErrUnsupported)
			}
			t.eachText(func(s string) string { return strings.ReplaceAll(s, lowLine, " ") })
			t.dropSpace = scheme != "never"
		default:
			return fmt.Errorf("type %.40q: %w", p.Type, ErrUnsupported)
		}
	}
	return nil
}

func (t *Tokenizer) eachText(change func(string) string) {
	for i := range t.tokens {
		t.tokens[i].text = change(t.tokens[i].text)
	}
}
