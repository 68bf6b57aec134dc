package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// A checkpoint in FP8 has matrices of OCP codes, and beside each the scales that
// its values are to be multiplied by:
//
//	weight_scale      []  or [1]            one scale, or
//	weight_scale      [rows][1] or [rows]   one for each row, or
//	weight_scale_inv  [⌈rows/b₀⌉][⌈cols/b₁⌉]  one for each block of weight_block_size,
//
// the last a multiplier too, despite its name (DeepSeek-V3). input_scale is left
// aside: it is for codes of activations made with one scale for all texts, and
// here activations get scales by what they are.
//
// No CPU multiplies FP8, so a matrix becomes Q8_0 when it is loaded. What this
// rounds is 13 dB (E4M3) or 19 (E5M2) below what FP8 had rounded before
// (docs/formats.md).

// ScaleError reports a matrix in FP8 whose scales are missing or of a shape that
// fits none of the layouts.
type ScaleError struct {
	Tensor string
	Want   string // the shapes that fit
	Have   []int  // nil: there are no scales
}

func (e *ScaleError) Error() string {
	if e.Have == nil {
		return fmt.Sprintf("tensor %q is in FP8: want a tensor %q or %q beside it, have neither", e.Tensor, e.Tensor+"_scale", e.Tensor+"_scale_inv")
	}
	return fmt.Sprintf("tensor %q is in FP8: want scales of shape %s, have %v", e.Tensor, e.Want, e.Have)
}

// encodingOf returns the encoding of a type, or nil if it is not FP8.
func encodingOf(t weights.Type) *quant.FP8 {
	switch t {
	case weights.F8_E4M3:
		return quant.E4M3
	case weights.F8_E5M2:
		return quant.E5M2
	}
	return nil
}

// fp8Matrix is a matrix [rows][cols] of codes; value [j][d] is multiplied by
// scale [j/block[0]][d/block[1]].
type fp8Matrix struct {
	encoding   *quant.FP8
	rows, cols int
	codes      []byte
	block      [2]int
	scale      []float32
	across     int // scales of a row of blocks
}

func (m *fp8Matrix) decode(dst []float32, j int) {
	scale := m.scale[j/m.block[0]*m.across:]
	codes := m.codes[j*m.cols:][:m.cols]
	for d, c := range codes {
		dst[d] = m.encoding.Decode(c) * scale[d/m.block[1]]
	}
}

// encode writes rows lo..hi to a matrix in another format. It reports false where
// a value is not finite.
func (m *fp8Matrix) encode(to quant.Matrix, lo, hi int) bool {
	x := make([]float32, m.cols)
	for j := lo; j < hi; j++ {
		m.decode(x, j)
		if slices.ContainsFunc(x, func(v float32) bool { return v-v != 0 }) {
			return false
		}
		to.Format.Encode(to.Row(j), x, 1, m.cols)
	}
	return true
}

// coded returns a matrix of codes with its scales.
func (ld *loader) coded(t weights.Tensor) *fp8Matrix {
	m := &fp8Matrix{encoding: encodingOf(t.Type), rows: t.Shape[0], cols: t.Shape[1], codes: t.Data}
	ld.err = ld.scales(m, t.Name)
	return m
}

// fp8 returns a matrix of codes in a format that is fast.
func (ld *loader) fp8(t weights.Tensor) quant.Matrix {
	m := ld.coded(t)
	if ld.err != nil {
		return quant.Matrix{}
	}
	f := fp8Format(m.cols)
	to := quant.Matrix{Format: f, Rows: m.rows, Cols: m.cols, Data: make([]byte, f.Size(m.rows, m.cols))}
	if !ld.rows(m.rows, func(lo, hi int) bool { return m.encode(to, lo, hi) }) {
		ld.err = fmt.Errorf("tensor %q: has values that are not finite", t.Name)
	}
	return to
}

// fp8Format is what a matrix of that many columns becomes.
func fp8Format(cols int) quant.Format {
	if cols%quant.Q8_0.Block() == 0 {
		return quant.Q8_0
	}
	return quant.F32
}

// FP8Scales returns the names of the tensors that may stand beside a matrix in
// FP8 and mean nothing without it: its scales, by either name, and that of its
// inputs.
func FP8Scales(name string) [3]string {
	return [3]string{name + "_scale", name + "_scale_inv", strings.TrimSuffix(name, "weight") + "input_scale"}
}

// scales reads the scales of the matrix of that name.
func (ld *loader) scales(m *fp8Matrix, name string) error {
	names := FP8Scales(name)
	info, ok := ld.src.Info(names[0])
	if !ok {
		if info, ok = ld.src.Info(names[1]); !ok {
			return &ScaleError{Tensor: name}
		}
	}
	grid := []int{(m.rows-1)/ld.block[0] + 1, (m.cols-1)/ld.block[1] + 1}
	switch s := info.Shape; {
	case len(s) == 0, slices.Equal(s, []int{1}):
		m.block, m.across = [2]int{m.rows, m.cols}, 1
	case slices.Equal(s, []int{m.rows, 1}), slices.Equal(s, []int{m.rows}):
		m.block, m.across = [2]int{1, m.cols}, 1
	case slices.Equal(s, grid):
		m.block, m.across = ld.block, grid[1]
	default:
		return &ScaleError{name, fmt.Sprintf("[], [%d 1] or %v", m.rows, grid), s}
	}
	t, err := ld.src.Tensor(info.Name)
	if err != nil {
		return err
	}
	f, err := quant.ByName(t.Type.String())
	if err != nil || f.Block() != 1 {
		return &TypeError{info.Name, t.Type}
	}
	n := (m.rows-1)/m.block[0] + 1
	m.scale = make([]float32, n*m.across)
	quant.Matrix{Format: f, Rows: 1, Cols: len(m.scale), Data: t.Data}.Decode(m.scale, 0, 1)
	return nil
}
