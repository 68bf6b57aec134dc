package main

import (
	"context"
	"slices"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/eval"
	"github.com/winnowlm/winnow/tokenizer"
)

// keptRows is what a policy left of one prompt.
type keptRows struct {
	config
	prompt int         // tokens
	fact   [2]int      // positions from the fact's first to behind its last
	pos    [][][]int32 // [layers][KV heads] positions
}

// planKept reads a prompt with a fact in it and the question at its end.
func (st *study) planKept() error {
	depth := 0.4
	samples, err := eval.Fit{Tokens: st.o.length, Seed: st.o.seed, MaxTokens: st.o.max}.Samples(st.m.Tokenizer(), eval.Needle{Hay: st.o.hay, Depth: &depth})
	if err != nil {
		return err
	}
	prompt := samples[0].Prompts(eval.After)[0]
	ids := st.encode(prompt)
	begin, end := factBounds(prompt, samples[0].Answers[0])
	fact := [2]int{len(st.encode(prompt[:begin])), len(st.encode(prompt[:end]))}
	for i, c := range st.pictured()[1:] {
		st.kept = append(st.kept, keptRows{config: c, prompt: len(ids), fact: fact})
		st.jobs = append(st.jobs, func(ctx context.Context) error {
			s, err := st.m.NewSession(st.setup(c).Cache(len(ids)))
			if err != nil {
				return err
			}
			if err := s.Append(ctx, ids, winnow.AppendOptions{}); err != nil {
				return err
			}
			st.kept[i].pos = positions(s)
			return nil
		})
	}
	return nil
}

func (st *study) encode(text string) []int32 {
	return st.m.Tokenizer().Encode(text, tokenizer.EncodeOptions{})
}

// factBounds returns where the sentence with the answer begins and ends.
func factBounds(prompt, answer string) (begin, end int) {
	at := strings.Index(prompt, answer)
	begin = strings.LastIndex(prompt[:at], "One of the")
	return max(0, begin), at + len(answer) + 1
}

func positions(s *winnow.Session) [][][]int32 {
	shape := s.Cache().Shape()
	all := make([][][]int32, shape.NumLayers)
	for i := range all {
		for h := range s.Cache().Layer(i).Heads {
			all[i] = append(all[i], slices.Clone(s.Cache().Layer(i).Heads[h].Pos()))
		}
	}
	return all
}
