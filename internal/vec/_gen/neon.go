package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
)

// neon is an assembly file for arm64 that is being written, for vectors of 4
// float32. avo knows x86 alone, so instructions are lines of text here, and
// registers are numbers that are taken and, at the end of a scope, given back.
//
// Operands of methods stand as in Arm's manuals, the destination first.
type neon struct {
	text, stubs strings.Builder
	suffix      string                  // of the names of kernels
	declared    map[string]*ir.Function // by amd64, where both have a kernel
	sig         *gotypes.Signature      // of the function in hand
	frame       int                     // bytes on the stack of the next function
	usedV       uint32
	usedR       uint32
}

// v is a vector register, r one for addresses and counters.
type (
	v int
	r int
)

func (x v) s4() string        { return fmt.Sprintf("V%d.S4", x) }
func (x v) b16() string       { return fmt.Sprintf("V%d.B16", x) }
func (x v) s(lane int) string { return fmt.Sprintf("V%d.S[%d]", x, lane) }
func (x v) h(lane int) string { return fmt.Sprintf("V%d.H[%d]", x, lane) }

func (x v) d2() string { return fmt.Sprintf("V%d.D2", x) }
func (x v) h8() string { return fmt.Sprintf("V%d.H8", x) }

// f is the register's name as a scalar and as 16 bytes in memory.
func (x v) f() string { return fmt.Sprintf("F%d", x) }

func (x r) String() string { return fmt.Sprintf("R%d", int(x)) }

// at is the memory off bytes after the address in x.
func (x r) at(off int) string { return fmt.Sprintf("%d(%v)", off, x) }

// reserved are the registers that belong to the assembler, the linker, the
// platform, the goroutine and the stack.
const reserved = 1<<16 | 1<<17 | 1<<18 | 1<<27 | 1<<28 | 1<<29 | 1<<30 | 1<<31

// open begins a function and declares it.
func (a *neon) open(name, signature, doc string) {
	sig, err := gotypes.ParseSignature(signature)
	check(err)
	fmt.Fprintf(&a.stubs, "\n// %s\n//\n//go:noescape\nfunc %s%s%s\n", doc, name, a.suffix, sig)
	a.begin(name, sig)
}

// fn is open, and takes the arguments.
func (a *neon) fn(name, signature, doc string) []r {
	a.open(name, signature, doc)
	return a.args()
}

// both begins a function that amd64 has declared, and takes the arguments.
func (a *neon) both(name string) []r {
	a.begin(name, a.declared[name+a.suffix].Signature)
	return a.args()
}

func (a *neon) begin(name string, sig *gotypes.Signature) {
	a.sig, a.usedV, a.usedR = sig, 0, reserved
	fmt.Fprintf(&a.text, "\n// func %s%s%s\nTEXT ·%s%s(SB), NOSPLIT, $%d-%d\n", name, a.suffix, sig, name, a.suffix, a.frame, sig.Bytes())
}

// args returns the arguments that are no floats, in order.
func (a *neon) args() []r {
	var args []r
	for i := 0; ; i++ {
		p, err := a.sig.Params().At(i).Resolve()
		if err != nil {
			return args
		}
		if p.Type.String() != "float32" {
			args = append(args, a.r())
			a.op("MOVD", p.Addr.Asm(), args[len(args)-1])
		}
	}
}

// load takes an argument.
func (a *neon) load(name string) r {
	x := a.r()
	a.op("MOVD", a.mem(name), x)
	return x
}

// forward adds n × y × 2^shift to an argument.
func (a *neon) forward(name string, y r, shift, n int) {
	a.scope(func() {
		x := a.load(name)
		a.steps(x, y, shift, n)
		a.op("MOVD", x, a.mem(name))
	})
}

func (a *neon) mem(name string) string {
	p, err := a.sig.Params().Lookup(name).Resolve()
	check(err)
	return p.Addr.Asm()
}

// float takes a float32 argument into each lane of a register.
func (a *neon) float(name string) v {
	x := a.v()
	a.op("FMOVS", a.mem(name), x.f())
	a.dup(x, x, 0)
	return x
}

// result stores the lowest lane as the function's result.
func (a *neon) result(x v) {
	p, err := a.sig.Results().At(0).Resolve()
	check(err)
	a.op("FMOVS", x.f(), p.Addr.Asm())
}

func (a *neon) v() v { return v(take(&a.usedV)) }
func (a *neon) r() r { return r(take(&a.usedR)) }

func (a *neon) vs(n int) []v {
	x := make([]v, n)
	for i := range x {
		x[i] = a.v()
	}
	return x
}

func take(used *uint32) int {
	for i := range 32 {
		if *used>>i&1 == 0 {
			*used |= 1 << i
			return i
		}
	}
	panic("no register is left")
}

// scope runs f and gives back the registers that it took.
func (a *neon) scope(f func()) {
	usedV, usedR := a.usedV, a.usedR
	f()
	a.usedV, a.usedR = usedV, usedR
}

// op writes an instruction in the syntax and with the order of Go's assembler.
func (a *neon) op(name string, operands ...any) {
	s := make([]string, len(operands))
	for i, o := range operands {
		s[i] = fmt.Sprint(o)
	}
	fmt.Fprintf(&a.text, "\t%s %s\n", name, strings.Join(s, ", "))
}

func (a *neon) place(label string) { fmt.Fprintf(&a.text, "%s:\n", label) }
func (a *neon) ret()               { a.text.WriteString("\tRET\n") }

func (a *neon) copyOf(x r) r {
	c := a.r()
	a.op("MOVD", x, c)
	return c
}

// advance adds a constant.
func (a *neon) advance(x r, n int) { a.op("ADD", fmt.Sprint("$", n), x) }

// advanceTo sets d to x plus a constant.
func (a *neon) advanceTo(d, x r, n int) { a.op("ADD", fmt.Sprint("$", n), x, d) }

// step adds y times 2^shift to x.
func (a *neon) step(x, y r, shift int) {
	if shift == 0 {
		a.op("ADD", y, x)
		return
	}
	a.op("ADD", fmt.Sprintf("%v<<%d", y, shift), x)
}

// steps adds n × y × 2^shift to x, for an n of few bits.
func (a *neon) steps(x, y r, shift, n int) {
	for bit := 0; n>>bit > 0; bit++ {
		if n>>bit&1 == 1 {
			a.step(x, y, shift+bit)
		}
	}
}

// pointers returns n pointers that are y × 2^shift apart, the first to x + off.
func (a *neon) pointers(x, y r, shift, off, n int) []r {
	p := make([]r, n)
	for i := range p {
		p[i] = a.r()
		if i == 0 {
			a.advanceTo(p[i], x, off)
		} else if shift == 0 {
			a.op("ADD", y, p[i-1], p[i])
		} else {
			a.op("ADD", fmt.Sprintf("%v<<%d", y, shift), p[i-1], p[i])
		}
	}
	return p
}

// while runs body as long as left is at least n, and takes n off after each run.
func (a *neon) while(name string, left r, n int, body func()) {
	end := name + "End"
	a.place(name)
	a.op("CMP", fmt.Sprint("$", n), left)
	a.op("BLT", end)
	a.scope(body)
	a.op("SUB", fmt.Sprint("$", n), left)
	a.op("B", name)
	a.place(end)
}

// times runs body left/n times, at least once; left is a multiple of n.
func (a *neon) times(name string, left r, n int, body func()) {
	a.place(name)
	a.scope(body)
	a.op("SUBS", fmt.Sprint("$", n), left, left)
	a.op("BGT", name)
}

// prefetch asks for the next bytes at an address and moves it on.
func (a *neon) prefetch(at r, bytes int) {
	for off := 0; off < bytes; off += 64 {
		a.op("PRFM", at.at(off), "PLDL1KEEP")
	}
	a.advance(at, bytes)
}

// constant returns a register with a copy of a word in each lane.
func (a *neon) constant(bits uint32) v {
	x := a.v()
	a.scope(func() {
		word := a.r()
		a.op("MOVD", fmt.Sprintf("$0x%08x", bits), word)
		a.op("VDUP", word, x.s4())
	})
	return x
}

// bytes returns a register with 16 bytes.
func (a *neon) bytes(low, high uint64) v {
	x := a.v()
	a.scope(func() {
		word := a.r()
		for half, bits := range []uint64{low, high} {
			a.op("MOVD", fmt.Sprintf("$0x%016x", bits), word)
			a.op("VMOV", word, fmt.Sprintf("V%d.D[%d]", x, half))
		}
	})
	return x
}

// number returns a register with a small number.
func (a *neon) number(n int) r {
	x := a.r()
	a.op("MOVD", fmt.Sprint("$", n), x)
	return x
}

// pair is two registers as an operand of loads and stores.
func pair(x []v) string { return fmt.Sprintf("(%s, %s)", x[0].f(), x[1].f()) }

func (a *neon) move(d, n v) { a.op("VMOV", n.b16(), d.b16()) }

func (a *neon) zero(xs ...v) {
	for _, x := range xs {
		a.op("VMOVI", "$0", x.b16())
	}
}

// convert loads 4 or 8 elements as float32; p moves on behind them.
func (a *neon) convert(f format, p r, d ...v) {
	last := d[len(d)-1]
	size := f.size * 4 * len(d)
	load := map[int]string{4: "FMOVS.P", 8: "FMOVD.P", 16: "FMOVQ.P"}[size]
	if size == 32 {
		a.op("FLDPQ.P", p.at(32), pair(d))
		return
	}
	a.op(load, p.at(size), last.f())
	switch f.name {
	case "F16":
		a.fcvtl(d[0], last)
		if len(d) > 1 {
			a.fcvtl2(last, last)
		}
	case "BF16":
		a.shll16(d[0], last)
		if len(d) > 1 {
			a.shll16High(last, last)
		}
	case "I8":
		a.sxtlB(last, last)
		a.sxtlH(d[0], last)
		if len(d) > 1 {
			a.sxtlHHigh(last, last)
		}
		for _, x := range d {
			a.scvtf(x, x)
		}
	}
}
