package main

import (
	"path"
	"strings"

	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// types says what each matrix is stored in.
type types struct {
	layers    quant.Format
	overrides []override
}

type override struct {
	glob   string
	format quant.Format
	used   bool
}

// smaller lists what takes the place of a format whose blocks do not divide a
// row, as llama.cpp has it.
var smaller = map[string]quant.Format{
	"q2_k": quant.Q4_0, "q3_k": quant.Q4_0, "q4_k": quant.Q5_0, "q5_k": quant.Q5_1, "q6_k": quant.Q8_0, "iq4_xs": quant.IQ4_NL,
}

// writable returns a format that GGUF has.
func writable(name string) (quant.Format, error) {
	f, err := quant.ByName(name)
	if t, ok := weights.ParseType(name); err != nil || !ok || !t.GGUF() {
		return nil, cli.Usagef("type: got %q, want one of %s", name, typeNames())
	}
	return f, nil
}

func typeNames() string {
	var names []string
	for _, name := range quant.Names() {
		if t, ok := weights.ParseType(name); ok && t.GGUF() {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func newTypes(layers string, overrides []string) (*types, error) {
	f, err := writable(layers)
	if err != nil {
		return nil, err
	}
	t := &types{layers: f}
	for _, o := range overrides {
		glob, name, ok := strings.Cut(o, "=")
		if _, err := path.Match(glob, ""); err != nil || !ok {
			return nil, cli.Usagef("-tensor: got %q, want a pattern with * and ? and a type, such as blk.0.*=q6_k", o)
		}
		if f, err = writable(name); err != nil {
			return nil, err
		}
		t.overrides = append(t.overrides, override{glob: glob, format: f})
	}
	return t, nil
}

// format implements calibrate.Options.Format.
func (t *types) format(info weights.Info) quant.Format {
	f := t.layers
	switch info.Name {
	case "token_embd.weight", "output.weight":
		if f.Size(1, 256) < quant.Q8_0.Size(1, 256) {
			f = quant.Q8_0
		}
	}
	for i := range t.overrides {
		if ok, _ := path.Match(t.overrides[i].glob, info.Name); ok {
			f, t.overrides[i].used = t.overrides[i].format, true
			break
		}
	}
	cols := info.Shape[len(info.Shape)-1]
	if s, ok := smaller[f.Name()]; ok && cols%f.Block() != 0 {
		f = s
	}
	if cols%f.Block() != 0 {
		f = quant.F16
	}
	return f
}

// unused returns an error for a pattern that no matrix matched.
func (t *types) unused() error {
	for _, o := range t.overrides {
		if !o.used {
			return cli.Usagef("-tensor: pattern %q is the first to match no matrix", o.glob)
		}
	}
	return nil
}
