package model

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/winnowlm/winnow/model/weights"
)

// adaptable matches the weights that a linear may correct.
var adaptable = regexp.MustCompile(`^(output|blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down)))\.weight$`)

// Adapt returns base with the low-rank corrections of a LoRA adapter, which is
// a GGUF file as llama.cpp reads them: Open then computes W·x + B·(A·x). Both
// must stay open as long as the result is used. The error says why the two do
// not fit each other.
func Adapt(base, adapter *weights.Source) (*weights.Source, error) {
	if base.Container != "gguf" {
		return nil, fmt.Errorf("model: adapter: %w: its rows are in the order of GGUF, the model's file is %s", ErrUnsupported, base.Container)
	}
	for _, want := range [][2]string{
		{"general.type", "adapter"}, {"adapter.type", "lora"},
		{"general.architecture", fmt.Sprint(base.Meta["general.architecture"])},
	} {
		if got := adapter.Meta[want[0]]; got != want[1] {
			return nil, fmt.Errorf("model: adapter: %s: want %q, have %v", want[0], want[1], got)
		}
	}
	pairs := map[string]int{}
	for _, t := range adapter.Infos() {
		name, ok := strings.CutSuffix(t.Name, ".lora_a")
		if !ok {
			name, ok = strings.CutSuffix(t.Name, ".lora_b")
		}
		if _, has := base.Info(name); !ok || !has || !adaptable.MatchString(name) {
			return nil, fmt.Errorf("model: adapter: %w: tensor %q, want a lora_a or lora_b of a weight of the model's layers or output", ErrUnsupported, t.Name)
		}
		pairs[name]++
	}
	for name, n := range pairs {
		if n != 2 {
			return nil, fmt.Errorf("model: adapter: %q has one of lora_a and lora_b, want both", name)
		}
	}
	return base.With(adapter), nil
}
