package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// asm is the file that is being written, for vectors of 8 or 16 float32.
type asm struct {
	*build.Context
	lanes  int
	suffix string // of the names of kernels
}

// fn begins a function whose pointers do not escape.
func (a *asm) fn(name, signature string, doc ...string) {
	a.Function(name + a.suffix)
	a.Attributes(attr.NOSPLIT)
	a.SignatureExpr(signature)
	a.Doc(doc...)
	a.Pragma("noescape")
}

func (a *asm) ret() {
	a.VZEROUPPER()
	a.RET()
}

// wide reports whether registers are those of AVX-512.
func (a *asm) wide() bool { return a.lanes == 16 }

func (a *asm) vec() reg.VecVirtual {
	if a.wide() {
		return a.ZMM()
	}
	return a.YMM()
}

func (a *asm) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = a.vec()
	}
	return v
}

// zero clears registers.
func (a *asm) zero(vs ...reg.VecVirtual) {
	for _, v := range vs {
		a.VXORPS(v, v, v)
	}
}

// load returns a register of integers from memory.
func (a *asm) load(m operand.Mem) reg.VecVirtual {
	v := a.vec()
	if a.wide() {
		a.VMOVDQU32(m, v)
	} else {
		a.VMOVDQU(m, v)
	}
	return v
}

// store writes a register of integers.
func (a *asm) store(v reg.VecVirtual, m operand.Mem) {
	if a.wide() {
		a.VMOVDQU32(v, m)
	} else {
		a.VMOVDQU(v, m)
	}
}

func (a *asm) and(x, y operand.Op, v reg.VecVirtual) {
	if a.wide() {
		a.VPANDD(x, y, v)
	} else {
		a.VPAND(x, y, v)
	}
}

func (a *asm) arg(name string) reg.Register { return a.Load(a.Param(name), a.GP64()) }

// mem is an argument in memory.
func (a *asm) mem(name string) operand.Mem {
	p, err := a.Param(name).Resolve()
	check(err)
	return p.Addr
}

func (a *asm) copyOf(r reg.Register) reg.Register {
	c := a.GP64()
	a.MOVQ(r, c)
	return c
}

// times returns a register with n × r.
func (a *asm) times(r reg.Register, n uint64) reg.Register {
	c := a.GP64()
	a.IMUL3Q(operand.U32(n), r, c)
	return c
}

// table is a row of pointers that are a stride apart, addressed by as few
// registers as x86 allows: three, or four with a register for 3 × stride.
type table struct {
	bases  []reg.Register
	stride reg.Register
	triple reg.Register // nil: three per base
	scale  int          // of the stride
}

// table returns pointers to n rows, the first at base, which is copied.
func (a *asm) table(base, stride reg.Register, scale, n int, triple reg.Register) *table {
	t := &table{stride: stride, triple: triple, scale: scale}
	per := t.per()
	for i := 0; i < n; i += per {
		b := base
		if i == 0 {
			b = a.copyOf(base)
		} else {
			b = a.GP64()
			// Two steps, of at most twice the stride each.
			prev := t.bases[len(t.bases)-1]
			a.LEAQ(operand.Mem{Base: prev, Index: stride, Scale: uint8(2 * scale)}, b)
			rest := uint8(scale)
			if per == 4 {
				rest = uint8(2 * scale)
			}
			a.LEAQ(operand.Mem{Base: b, Index: stride, Scale: rest}, b)
		}
		t.bases = append(t.bases, b)
	}
	return t
}

func (t *table) per() int {
	if t.triple != nil {
		return 4
	}
	return 3
}

// at is the memory disp bytes into row i.
func (t *table) at(i, disp int) operand.Mem {
	m := operand.Mem{Base: t.bases[i/t.per()], Disp: disp}
	switch i % t.per() {
	case 1:
		m.Index, m.Scale = t.stride, uint8(t.scale)
	case 2:
		m.Index, m.Scale = t.stride, uint8(2*t.scale)
	case 3:
		m.Index, m.Scale = t.triple, uint8(t.scale)
	}
	return m
}

func (a *asm) advance(t *table, bytes int) {
	for _, b := range t.bases {
		a.ADDQ(imm(bytes), b)
	}
}

// format is how the elements of rows are stored.
type format struct {
	name   string
	size   int // of an element
	header int // bytes before the first
}

var formats = []format{{"F32", 4, 0}, {"F16", 2, 0}, {"BF16", 2, 0}, {"I8", 1, 4}}

// convert loads elements as float32.
func (a *asm) convert(f format, m operand.Mem, v reg.VecVirtual) {
	switch f.name {
	case "F32":
		a.VMOVUPS(m, v)
	case "F16":
		a.VCVTPH2PS(m, v)
	case "BF16":
		a.VPMOVZXWD(m, v)
		a.VPSLLD(operand.Imm(16), v, v)
	case "I8":
		a.VPMOVSXBD(m, v)
		a.VCVTDQ2PS(v, v)
	}
}

// constant is a memory operand with a copy of a word for each lane.
func (a *asm) constant(name string, bits uint32) operand.Mem {
	return a.words(name, func(int) uint32 { return bits })
}

// words is a constant of a word for each lane.
func (a *asm) words(name string, word func(i int) uint32) operand.Mem {
	m := a.StaticGlobal(name)
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range a.lanes {
		a.AppendDatum(operand.U32(word(i)))
	}
	return m
}

// quarters returns the 128-bit parts of v, of which the first is v itself.
func (a *asm) quarters(v reg.VecVirtual) []reg.Register {
	q := []reg.Register{v.AsX()}
	for k := 1; k < a.lanes/4; k++ {
		x := a.XMM()
		if a.wide() {
			a.VEXTRACTF32X4(operand.Imm(uint64(k)), v, x)
		} else {
			a.VEXTRACTF128(operand.Imm(uint64(k)), v, x)
		}
		q = append(q, x)
	}
	return q
}

// prefetch asks by an instruction for the next bytes of a stream.
func (a *asm) prefetch(ask func(operand.Op), at reg.Register, bytes int) {
	for off := 0; off < bytes; off += 64 {
		ask(operand.Mem{Base: at, Disp: off})
	}
	a.ADDQ(operand.U32(uint32(bytes)), at)
}

// imm is an immediate operand of the sizes that arithmetic takes.
func imm(n int) operand.Constant {
	if n < 128 {
		return operand.U8(n)
	}
	return operand.U32(n)
}
