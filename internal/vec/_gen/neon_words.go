package main

import "fmt"

// This file is the encoder: the instructions that Go's assembler lacks, with
// their text as GNU tools print it, which the test decodes again. Names that end
// in High are of those that read the upper half of their sources.

// word writes an instruction by its bits.
func (a *neon) word(bits uint32, format string, args ...any) {
	fmt.Fprintf(&a.text, "\tWORD $0x%08x // %s\n", bits, fmt.Sprintf(format, args...))
}

// two writes an instruction of a destination and a source.
func (a *neon) two(bits uint32, name string, d v, to string, n v, from string) {
	a.word(bits|uint32(n)<<5|uint32(d), "%s v%d.%s, v%d.%s", name, d, to, n, from)
}

// lowest is two whose destination is a register's lowest lane.
func (a *neon) lowest(bits uint32, name string, d, n v) {
	a.word(bits|uint32(n)<<5|uint32(d), "%s s%d, v%d.4s", name, d, n)
}

// shift is two with a shift that is part of the bits.
func (a *neon) shift(bits uint32, name string, d, n v, from string, by int) {
	a.word(bits|uint32(n)<<5|uint32(d), "%s v%d.4s, v%d.%s, #%d", name, d, n, from, by)
}

// three writes an instruction of a destination and two sources.
func (a *neon) three(bits uint32, name string, d v, to string, n, m v, from string) {
	a.word(bits|uint32(m)<<16|uint32(n)<<5|uint32(d), "%s v%d.%s, v%d.%s, v%d.%s", name, d, to, n, from, m, from)
}

// four is three of vectors of four lanes.
func (a *neon) four(bits uint32, name string, d, n, m v) { a.three(bits, name, d, "4s", n, m, "4s") }

// element writes an instruction whose second source is one lane of m.
func (a *neon) element(bits uint32, name, from, lanes string, d, n, m v, lane int) {
	a.word(bits|uint32(lane&1)<<21|uint32(lane>>1)<<11|uint32(m)<<16|uint32(n)<<5|uint32(d),
		"%s v%d.4s, v%d.%s, v%d.%s[%d]", name, d, n, from, m, lanes, lane)
}

// Arithmetic of float32.
func (a *neon) fadd(d, n, m v)  { a.four(0x4e20d400, "fadd", d, n, m) }
func (a *neon) fsub(d, n, m v)  { a.four(0x4ea0d400, "fsub", d, n, m) }
func (a *neon) fmul(d, n, m v)  { a.four(0x6e20dc00, "fmul", d, n, m) }
func (a *neon) fdiv(d, n, m v)  { a.four(0x6e20fc00, "fdiv", d, n, m) }
func (a *neon) faddp(d, n, m v) { a.four(0x6e20d400, "faddp", d, n, m) }
func (a *neon) fabs(d, n v)     { a.two(0x4ea0f800, "fabs", d, "4s", n, "4s") }
func (a *neon) fneg(d, n v)     { a.two(0x6ea0f800, "fneg", d, "4s", n, "4s") }

// fmla and fmls add n × m to d or take it off, with one rounding. Go has them.
func (a *neon) fmla(d, n, m v) { a.op("VFMLA", m.s4(), n.s4(), d.s4()) }
func (a *neon) fmls(d, n, m v) { a.op("VFMLS", m.s4(), n.s4(), d.s4()) }

func (a *neon) fmlaElement(d, n, m v, lane int) {
	a.element(0x4f801000, "fmla", "4s", "s", d, n, m, lane)
}
func (a *neon) fmulElement(d, n, m v, lane int) {
	a.element(0x4f809000, "fmul", "4s", "s", d, n, m, lane)
}

// fmax and fmin pass NaN on; fmaxnm and fmaxnmv, of lanes, pass over quiet ones.
func (a *neon) fmax(d, n, m v)   { a.four(0x4e20f400, "fmax", d, n, m) }
func (a *neon) fmin(d, n, m v)   { a.four(0x4ea0f400, "fmin", d, n, m) }
func (a *neon) fmaxnm(d, n, m v) { a.four(0x4e20c400, "fmaxnm", d, n, m) }
func (a *neon) fmaxnmv(d, n v)   { a.lowest(0x6e30c800, "fmaxnmv", d, n) }

// fcmeq and fcmgt set the lanes where n = m or n > m to ones, the others to zeros.
func (a *neon) fcmeq(d, n, m v) { a.four(0x4e20e400, "fcmeq", d, n, m) }
func (a *neon) fcmgt(d, n, m v) { a.four(0x6ea0e400, "fcmgt", d, n, m) }

// Conversions. frintn, fcvtns and fcvtn round to the nearest, ties to even.
func (a *neon) frintn(d, n v)     { a.two(0x4e218800, "frintn", d, "4s", n, "4s") }
func (a *neon) fcvtns(d, n v)     { a.two(0x4e21a800, "fcvtns", d, "4s", n, "4s") }
func (a *neon) scvtf(d, n v)      { a.two(0x4e21d800, "scvtf", d, "4s", n, "4s") }
func (a *neon) fcvtl(d, n v)      { a.two(0x0e217800, "fcvtl", d, "4s", n, "4h") }
func (a *neon) fcvtlHigh(d, n v)  { a.two(0x4e217800, "fcvtl2", d, "4s", n, "8h") }
func (a *neon) fcvtn(d, n v)      { a.two(0x0e216800, "fcvtn", d, "4h", n, "4s") }
func (a *neon) fcvtnHigh(d, n v)  { a.two(0x4e216800, "fcvtn2", d, "8h", n, "4s") } // writes the upper half
func (a *neon) sxtlB(d, n v)      { a.two(0x0f08a400, "sxtl", d, "8h", n, "8b") }
func (a *neon) sxtlBHigh(d, n v)  { a.two(0x4f08a400, "sxtl2", d, "8h", n, "16b") }
func (a *neon) sxtlH(d, n v)      { a.two(0x0f10a400, "sxtl", d, "4s", n, "4h") }
func (a *neon) sxtlHHigh(d, n v)  { a.two(0x4f10a400, "sxtl2", d, "4s", n, "8h") }
func (a *neon) shll16(d, n v)     { a.shift(0x2e613800, "shll", d, n, "4h", 16) }
func (a *neon) shll16High(d, n v) { a.shift(0x6e613800, "shll2", d, n, "8h", 16) }

// Arithmetic of integers. sshr1 halves, rounding down; umaxv is of lanes.
func (a *neon) mul(d, n, m v) { a.four(0x4ea09c00, "mul", d, n, m) }
func (a *neon) mla(d, n, m v) { a.four(0x4ea09400, "mla", d, n, m) }
func (a *neon) sshr1(d, n v)  { a.shift(0x4f3f0400, "sshr", d, n, "4s", 1) }
func (a *neon) umaxv(d, n v)  { a.lowest(0x6eb0a800, "umaxv", d, n) }

// saddlpB and saddlpH add neighbours, bytes to int16 and int16 to int32; sadalp
// adds such sums of int16 to d.
func (a *neon) saddlpB(d, n v) { a.two(0x4e202800, "saddlp", d, "8h", n, "16b") }
func (a *neon) saddlpH(d, n v) { a.two(0x4e602800, "saddlp", d, "4s", n, "8h") }
func (a *neon) sadalp(d, n v)  { a.two(0x4e606800, "sadalp", d, "4s", n, "8h") }

// smull and smlal set d to the products of bytes or add them, as int16.
func (a *neon) smull(d, n, m v)     { a.three(0x0e20c000, "smull", d, "8h", n, m, "8b") }
func (a *neon) smlal(d, n, m v)     { a.three(0x0e208000, "smlal", d, "8h", n, m, "8b") }
func (a *neon) smlalHigh(d, n, m v) { a.three(0x4e208000, "smlal2", d, "8h", n, m, "16b") }

// sdot adds to each lane of d the products of its four bytes, and sdotElement
// those with the same four bytes of m for all lanes. They are of ARMv8.2.
func (a *neon) sdot(d, n, m v) { a.three(0x4e809400, "sdot", d, "4s", n, m, "16b") }
func (a *neon) sdotElement(d, n, m v, four int) {
	a.element(0x4f80e000, "sdot", "16b", "4b", d, n, m, four)
}
