package main

import (
	"cmp"
	"slices"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
)

// report is what a file holds. Fields of what it lacks, or of what makes no
// sense, are nil or empty.
type report struct {
	Path         string            `json:"path"`
	Container    string            `json:"container"`
	Architecture string            `json:"architecture"`
	Name         string            `json:"name"`
	Model        bool              `json:"model"` // there are a model's tensors
	Parameters   int64             `json:"parameters"`
	Bytes        int64             `json:"bytes"`
	Types        []typeCount       `json:"types"`
	Config       *model.Config     `json:"config"`
	Tokenizer    *tokenizerSummary `json:"tokenizer"`
	Template     string            `json:"chat_template"`
	Memory       []memory          `json:"memory"`
}

// typeCount sums up the tensors of a type.
type typeCount struct {
	Type      string `json:"type"`
	Supported bool   `json:"supported"`
	Tensors   int    `json:"tensors"`
	Values    int64  `json:"values"`
	Bytes     int64  `json:"bytes"`
}

type tokenizerSummary struct {
	Model  string `json:"model"`
	Pre    string `json:"pre"`
	Tokens int    `json:"tokens"`
	BOS    int32  `json:"bos"`
	EOS    int32  `json:"eos"`

	bos, eos string
}

// memory is an estimate, in bytes, and what it is for.
type memory struct {
	Tokens    int    `json:"tokens"`
	Budget    int    `json:"budget"` // 0: everything is kept
	K         string `json:"k"`
	V         string `json:"v"`
	Weights   int64  `json:"weights"`
	Cache     int64  `json:"cache"`
	CachePeak int64  `json:"cache_peak"`
	Scratch   int64  `json:"scratch"`
	Total     int64  `json:"total"`
}

// tensors counts the tensors by type, the largest share first.
func (r *report) tensors(src *weights.Source) {
	byType := map[weights.Type]*typeCount{}
	for _, t := range src.Infos() {
		n := byType[t.Type]
		if n == nil {
			n = &typeCount{Type: t.Type.String(), Supported: model.Supports(t.Type)}
			byType[t.Type] = n
		}
		values := int64(1)
		for _, d := range t.Shape {
			values *= int64(d)
		}
		n.Tensors++
		n.Values += values
		n.Bytes += t.Size
		r.Parameters += values
	}
	r.Types = []typeCount{}
	for _, n := range byType {
		r.Types = append(r.Types, *n)
	}
	slices.SortFunc(r.Types, func(a, b typeCount) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Type, b.Type))
	})
	r.Bytes = src.Bytes()
}

// names reads what the file says of itself.
func (r *report) names(src *weights.Source) {
	r.Architecture, _ = src.Meta["general.architecture"].(string)
	r.Name, _ = src.Meta["general.name"].(string)
}

func (r *report) estimate(src *weights.Source, c model.Config, estimates []winnow.EstimateOptions) {
	r.Architecture = c.Architecture
	for _, o := range estimates {
		if o.Tokens == 0 {
			o.Tokens = c.MaxPositions
		}
		if o.Budget >= o.Tokens {
			continue // as without
		}
		if m, err := winnow.EstimateSource(src, o); err == nil {
			r.Memory = append(r.Memory, memory{
				Tokens: o.Tokens, Budget: o.Budget, K: o.K.Name(), V: o.V.Name(),
				Weights: m.Weights, Cache: m.Cache, CachePeak: m.CachePeak, Scratch: m.Scratch, Total: m.Total(),
			})
		}
	}
}

// tokenizer describes the tokenizer; the error says what is wrong with one that
// is there.
func (r *report) tokenizer(src *weights.Source) error {
	if src.Meta["tokenizer.ggml.model"] == nil && src.Tokenizer == nil {
		return nil
	}
	t, err := winnow.OpenTokenizer(src)
	if err != nil {
		return err
	}
	r.Template = t.ChatTemplate()
	r.Tokenizer = &tokenizerSummary{
		Model: t.Model(), Pre: t.Pre(), Tokens: t.VocabSize(), BOS: t.BOS(), EOS: t.EOS(),
		bos: t.Text(t.BOS()), eos: t.Text(t.EOS()),
	}
	return nil
}
