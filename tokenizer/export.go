package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
)

// typeUnused marks ids that stand for nothing.
const typeUnused = 5

// JSONToGGUF returns the metadata of a GGUF file for the tokenizer of a
// tokenizer.json, from which FromGGUF makes one that encodes alike. template is
// a chat template, if it stands in a file of its own; the vocabulary is filled
// up to size with tokens that are never used. The error wraps ErrPreTokenizer
// where GGUF has no name for how texts are cut into words.
func JSONToGGUF(tokenizerJSON, tokenizerConfig []byte, template string, size int) (map[string]any, error) {
	t, err := FromJSON(tokenizerJSON, tokenizerConfig)
	if err != nil {
		return nil, err
	}
	var f jsonFile
	if err := json.Unmarshal(tokenizerJSON, &f); err != nil {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: %w", err)
	}
	if t.model == "gpt2" && t.pre == "" {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: pre_tokenizer has no name in GGUF: %w", ErrPreTokenizer)
	}
	if size < len(t.tokens) {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: want at most the %d tokens that the model has, found %d", size, len(t.tokens))
	}
	meta := map[string]any{"tokenizer.ggml.model": t.model}
	if t.pre != "" {
		meta["tokenizer.ggml.pre"] = t.pre
	}
	f.exportTokens(meta, size)
	f.exportMerges(meta, t.model, size)
	for key, id := range map[string]int32{"bos": t.bos, "eos": t.eos} {
		if id != noToken {
			meta["tokenizer.ggml."+key+"_token_id"] = uint32(id)
		}
	}
	meta["tokenizer.ggml.add_bos_token"] = slices.Equal(t.before, []int32{t.bos}) && t.bos != noToken
	meta["tokenizer.ggml.add_eos_token"] = slices.Equal(t.after, []int32{t.eos}) && t.eos != noToken
	if template == "" {
		template = t.template
	}
	if template != "" {
		meta["tokenizer.chat_template"] = template
	}
	return meta, nil
}

// exportTokens writes the vocabulary as it is written in the file, and kinds.
func (f *jsonFile) exportTokens(meta map[string]any, size int) {
	tokens, types := make([]string, size), make([]int32, size)
	for id := range tokens {
		tokens[id], types[id] = fmt.Sprintf("[PAD%d]", id), typeUnused
	}
	for text, id := range f.Model.Vocab {
		tokens[id], types[id] = text, typeNormal
		if f.Model.ByteFallback && len(text) == 6 && text[:3] == "<0x" && text[5] == '>' {
			types[id] = typeByte
		}
		if text == f.Model.Unknown {
			types[id] = typeUnknown
		}
	}
	for _, a := range f.AddedTokens {
		if types[a.ID] == typeUnknown {
			continue
		}
		tokens[a.ID], types[a.ID] = a.Content, typeUserDefined
		if a.Special {
			types[a.ID] = typeControl
		}
	}
	meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"] = tokens, types
}

// exportMerges writes byte-level merges as they are; SentencePiece's are scores
// of the tokens that they make, the earlier the higher.
func (f *jsonFile) exportMerges(meta map[string]any, model string, size int) {
	if model == "gpt2" {
		merges := make([]string, len(f.Model.Merges))
		for i, m := range f.Model.Merges {
			merges[i] = m[0] + " " + m[1]
		}
		meta["tokenizer.ggml.merges"] = merges
		return
	}
	scores := make([]float32, size)
	for i := len(f.Model.Merges) - 1; i >= 0; i-- {
		scores[f.Model.Vocab[f.Model.Merges[i][0]+f.Model.Merges[i][1]]] = -float32(i + 1)
	}
	meta["tokenizer.ggml.scores"] = scores
}
