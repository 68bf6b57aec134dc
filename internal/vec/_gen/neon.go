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
