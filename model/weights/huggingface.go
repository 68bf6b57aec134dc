package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

// openFolder opens a Hugging Face folder: its safetensors files, one or as many
// as the index names, and the files that describe the model. name is for
// errors.
func openFolder(fsys fs.FS, name string) (*Source, error) {
	s, err := openShards(fsys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, text := range []struct {
		name string
		to   *[]byte
	}{
		{"config.json", &s.Config},
		{"generation_config.json", &s.GenerationConfig},
		{"tokenizer.json", &s.Tokenizer},
		{"tokenizer_config.json", &s.TokenizerConfig},
		{"chat_template.jinja", &s.ChatTemplate},
	} {
		if *text.to, err = fs.ReadFile(fsys, text.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), s.Close())
		}
	}
	return s, nil
}

// openShards opens the single file if there is one, as transformers does, else
// those of the index.
func openShards(fsys fs.FS) (*Source, error) {
	if _, err := fs.Stat(fsys, singleFile); err == nil {
		return openAll(fsys, []string{singleFile}, nil)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	text, err := fs.ReadFile(fsys, indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("has neither %s nor %s", singleFile, indexFile)
	} else if err != nil {
		return nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"` // tensor to shard
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	shards := map[string]bool{}
	for tensor, shard := range index.WeightMap {
		if !fs.ValidPath(shard) || shard == "." || strings.ContainsAny(shard, `\:`) {
			return nil, fmt.Errorf("%s: tensor %q: want a file inside the folder, have %q", indexFile, tensor, shard)
		}
		shards[shard] = true
	}
	if len(shards) == 0 {
		return nil, fmt.Errorf("%s: weight_map names no file", indexFile)
	}
	return openAll(fsys, slices.Sorted(maps.Keys(shards)), index.WeightMap)
}

// openAll opens safetensors files as one model, and checks that they hold the
// tensors that the index says they do.
func openAll(fsys fs.FS, names []string, index map[string]string) (*Source, error) {
	var parts []*part
	has := map[[2]string]bool{}
	fail := func(err error) (*Source, error) {
		return nil, errors.Join(err, closeParts(parts))
	}
	for _, name := range names {
		p, err := openPart(fsys, name)
		if err != nil {
			return fail(err)
		}
		parts = append(parts, p)
		if p.container != "safetensors" {
			return fail(fmt.Errorf("%s: want a safetensors file, have a GGUF file", p.file.name))
		}
		for _, t := range p.tensors {
			has[[2]string{t.FileName, name}] = true
		}
	}
	for tensor, shard := range index {
		if !has[[2]string{tensor, shard}] {
			return fail(fmt.Errorf("%s: tensor %q is not in %s", indexFile, tensor, shard))
		}
	}
	s, err := newSource(parts)
	if err != nil {
		return fail(err)
	}
	return s, nil
}
