package model

import (
	"encoding/json"
	"fmt"
)

// hfQuantization is what this package reads of quantization_config.
type hfQuantization struct {
	Method string `json:"quant_method"`
	Format string `json:"format"`            // of compressed-tensors
	Block  []int  `json:"weight_block_size"` // rows and columns that share a scale
}

// check refuses what is not FP8 weights with scales beside them.
func (q *hfQuantization) check() error {
	switch {
	case q.Method == "compressed-tensors" && q.Format != "float-quantized":
		return fmt.Errorf("model: %w: config.json: quantization_config: compressed-tensors in format %q, want float-quantized", ErrUnsupported, q.Format)
	case q.Method != "fp8" && q.Method != "fbgemm_fp8" && q.Method != "compressed-tensors":
		return fmt.Errorf("model: %w: config.json: quantization_config: quant_method %q, want fp8, fbgemm_fp8 or compressed-tensors", ErrUnsupported, q.Method)
	case q.Block != nil && (len(q.Block) != 2 || min(q.Block[0], q.Block[1]) < 1):
		return fmt.Errorf("model: config.json: quantization_config: weight_block_size %v, want two numbers above 0", q.Block)
	}
	return nil
}

// fp8Block returns the rows and columns that share a scale where a matrix has a
// grid of them, from a config.json that was checked; 128 each if it does not say.
func fp8Block(config []byte) [2]int {
	var f struct {
		Quantization *hfQuantization `json:"quantization_config"`
	}
	if json.Unmarshal(config, &f) == nil && f.Quantization != nil && f.Quantization.Block != nil {
		return [2]int(f.Quantization.Block)
	}
	return [2]int{128, 128}
}
