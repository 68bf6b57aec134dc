package quant

import "fmt"

// Codes gives access to the codes of a GGUF format whose values lie on lines:
// value = scale·code − min, with a scale and a minimum for each few columns and
// whole codes from Lo to Hi. It lets a calibration choose codes for scales that
// Encode has chosen.
type Codes struct {
	Lo, Hi int
	format *blockFormat
}

// CodesOf returns access to the codes of f, false if its values do not lie on
// lines.
func CodesOf(f Format) (Codes, bool) {
	b, ok := f.(*blockFormat)
	if !ok || b.hi == b.lo {
		return Codes{}, false
	}
	return Codes{b.lo, b.hi, b}, true
}

// Lines writes the scale and the minimum of each column of encoded blocks.
func (c Codes) Lines(scale, minimum []float32, blocks []byte) {
	c.check(len(scale), len(blocks))
	var b block
	for i := range len(scale) / c.format.cols {
		c.format.unpack(&b, blocks[i*c.format.bytes:][:c.format.bytes])
		for d := range c.format.cols {
			scale[i*c.format.cols+d], minimum[i*c.format.cols+d] = b.scale[d/groupCols], b.min[d/groupCols]
		}
	}
}

// Set replaces the codes of encoded blocks; the scales stay.
func (c Codes) Set(blocks []byte, code []int) {
	c.check(len(code), len(blocks))
	var u [superCols]byte
	for i := range len(code) / c.format.cols {
		for d, v := range code[i*c.format.cols:][:c.format.cols] {
			u[d] = byte(max(c.Lo, min(v, c.Hi)) - c.Lo)
		}
		c.format.set(blocks[i*c.format.bytes:][:c.format.bytes], u[:c.format.cols])
	}
}

func (c Codes) check(cols, bytes int) {
	if cols%c.format.cols != 0 || bytes != c.format.Size(1, cols) {
		panic(fmt.Sprintf("quant: Codes of %s: got %d columns and %d bytes, want whole blocks of %d columns in %d bytes",
			c.format.name, cols, bytes, c.format.cols, c.format.bytes))
	}
}
