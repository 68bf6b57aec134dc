package winnow

import (
	"fmt"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// EstimateOptions say what a session is to hold.
type EstimateOptions struct {
	Tokens  int          // of the prompt and the answer; 0: the model's context
	Budget  int          // rows that the policy leaves of a prompt; 0: all
	K, V    quant.Format // of the cache; nil: f16
	Threads int          // 0: 1
}

// Memory is what a model and one session take, in bytes.
type Memory struct {
	Weights   int64 // mapped from the file, where the platform maps, but for what is repacked at load
	Cache     int64 // after the prompt was compressed
	CachePeak int64 // while it is: one whole layer, the others compressed
	Scratch   int64
}

// Total returns the most that is needed at once.
func (m Memory) Total() int64 { return m.Weights + m.CachePeak + m.Scratch }

// Estimate tells from a model file's header alone whether the model will fit.
func Estimate(path string, o EstimateOptions) (Memory, error) {
	src, err := weights.Open(path)
	if err != nil {
		return Memory{}, fmt.Errorf("winnow: %w", err)
	}
	defer src.Close()
	return EstimateSource(src, o)
}

// EstimateSource is Estimate for an opened file.
func EstimateSource(src *weights.Source, o EstimateOptions) (Memory, error) {
	c, err := model.ReadConfig(src)
	if err != nil {
		return Memory{}, fmt.Errorf("winnow: %w", err)
	}
	if o.Tokens == 0 {
		o.Tokens = c.MaxPositions
	}
	if o.Tokens < 0 || o.Budget < 0 || o.Threads < 0 {
		return Memory{}, fmt.Errorf("winnow: Estimate: got %d tokens, a budget of %d, %d threads, want none below 0", o.Tokens, o.Budget, o.Threads)
	}
	kept := o.Tokens
	if o.Budget > 0 {
		kept = min(kept, o.Budget)
	}
	layer := shapeOf(c)
	layer.NumLayers = 1
	cfg := kvcache.Config{K: o.K, V: o.V}
	one, all := layer.Bytes(cfg, kept), layer.Bytes(cfg, o.Tokens)
	return Memory{
		Weights:   model.WeightBytes(src),
		Cache:     int64(c.NumLayers) * one,
		CachePeak: int64(c.NumLayers-1)*one + all,
		Scratch:   c.ScratchBytes(o.Tokens, max(1, o.Threads)),
	}, nil
}
