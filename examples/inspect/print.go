package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/winnowlm/winnow/examples/internal/cli"
	"github.com/winnowlm/winnow/model"
)

// templateLines is how much of a chat template is printed.
const templateLines = 5

func (r *report) print(w io.Writer) error {
	b := &bytes.Buffer{}
	line(b, "file", "%s, %s", r.Path, r.Container)
	if r.Name != "" {
		line(b, "name", "%q", r.Name)
	}
	if r.Architecture != "" {
		line(b, "architecture", "%q", r.Architecture)
	}
	if !r.Model {
		line(b, "model", "none")
	}
	line(b, "parameters", "%d in %s", r.Parameters, cli.Bytes(r.Bytes))
	if r.Config != nil {
		printConfig(b, *r.Config)
	}
	r.printTypes(b)
	r.printTokenizer(b)
	r.printMemory(b)
	_, err := w.Write(b.Bytes())
	return err
}

func line(b *bytes.Buffer, name, format string, args ...any) {
	fmt.Fprintf(b, "%-14s %s\n", name, fmt.Sprintf(format, args...))
}

func printConfig(b *bytes.Buffer, c model.Config) {
	line(b, "context", "%d", c.MaxPositions)
	line(b, "layers", "%d of %d channels, feed-forward %d", c.NumLayers, c.HiddenSize, c.IntermediateSize)
	line(b, "heads", "%d, KV heads %d, each of %d", c.NumHeads, c.NumKVHeads, c.HeadDim)
	line(b, "vocabulary", "%d", c.VocabSize)
	rope := fmt.Sprintf("theta %g on %d channels", c.RopeTheta, c.RopeDim)
	if c.RopeScaling.Type != "" {
		rope += fmt.Sprintf(", %s scaling by %g", c.RopeScaling.Type, c.RopeScaling.Factor)
	}
	line(b, "rope", "%s", rope)
	if c.SlidingWindow > 0 {
		line(b, "window", "%d", c.SlidingWindow)
	}
}

func (r *report) printTypes(b *bytes.Buffer) {
	if len(r.Types) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%-14s %8s %14s %11s\n", "type", "tensors", "values", "size")
	for _, t := range r.Types {
		note := ""
		if !t.Supported {
			note = "   unsupported"
		}
		fmt.Fprintf(b, "%-14s %8d %14d %11s%s\n", t.Type, t.Tensors, t.Values, cli.Bytes(t.Bytes), note)
	}
}

func (r *report) printTokenizer(b *bytes.Buffer) {
	t := r.Tokenizer
	b.WriteByte('\n')
	if t == nil {
		line(b, "tokenizer", "none")
		return
	}
	pre := "no pre-tokenizer"
	if t.Pre != "" {
		pre = fmt.Sprintf("pre-tokenizer %q", t.Pre)
	}
	line(b, "tokenizer", "%s, %s, %d tokens", t.Model, pre, t.Tokens)
	line(b, "BOS, EOS", "%s, %s", token(t.BOS, t.bos), token(t.EOS, t.eos))
	if r.Template == "" {
		line(b, "chat template", "none")
		return
	}
	line(b, "chat template", "%d bytes", len(r.Template))
	lines := strings.SplitN(r.Template, "\n", templateLines+1)
	for _, text := range lines[:min(templateLines, len(lines))] {
		// Quoted: what a file says must not reach the terminal as it is.
		fmt.Fprintf(b, "  %.100q\n", text)
	}
}

func token(id int32, text string) string {
	if id < 0 {
		return "none"
	}
	return fmt.Sprintf("%d %.40q", id, text)
}

func (r *report) printMemory(b *bytes.Buffer) {
	if len(r.Memory) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%-10s %8s %10s %11s %11s %11s %11s %11s\n", "memory for", "budget", "k/v", "weights", "cache", "its peak", "scratch", "total")
	for _, m := range r.Memory {
		budget := "all"
		if m.Budget > 0 {
			budget = fmt.Sprint(m.Budget)
		}
		fmt.Fprintf(b, "%-10d %8s %10s %11s %11s %11s %11s %11s\n", m.Tokens, budget, m.K+"/"+m.V,
			cli.Bytes(m.Weights), cli.Bytes(m.Cache), cli.Bytes(m.CachePeak), cli.Bytes(m.Scratch), cli.Bytes(m.Total))
	}
}
