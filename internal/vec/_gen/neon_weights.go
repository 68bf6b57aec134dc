package main

// neonWeights is a format of weights.
type neonWeights struct {
	name     string
	blocks   int            // of 32 that are multiplied together
	scratch  int            // bytes on the stack
	small    bool           // four products with bytes fit int16
	multiply func(*neonMul) // reads such blocks of 4 rows and moves the rows on
}

var neonWeightFormats = []*neonWeights{
	{"Q8_0", 1, 0, false, (*neonMul).q8},
	{"Q4_0", 1, 0, true, (*neonMul).q4},
	{"Q4_K", 8, 2 * 8 * 16, true, (*neonMul).q4k},
	{"Q6_K", 8, 16 * 16, true, (*neonMul).q6k},
}

// scales reads a float16 of each row.
func (m *neonMul) scales() v {
	d := m.v()
	m.zero(d)
	for i, p := range m.rows {
		m.op("VLD1.P", p.at(2), d.h(i))
	}
	m.fcvtl(d, d)
	return d
}

func (m *neonMul) codes() [2][]v { return [2][]v{m.vs(4), m.vs(4)} }

// scaled adds the sum of a block times the scales of weights and activations.
func (m *neonMul) scaled(scale v) func(total v, sums []v, meta v) {
	return func(total v, sums []v, meta v) {
		m.scvtf(sums[0], sums[0])
		m.fmulElement(meta, scale, meta, 0)
		m.fmla(total, sums[0], meta)
	}
}

func (m *neonMul) q8() {
	scale, codes := m.scales(), m.codes()
	for i, p := range m.rows {
		m.op("FLDPQ.P", p.at(32), pair([]v{codes[0][i], codes[1][i]}))
	}
	m.block(codes, false, m.scaled(scale))
}

func (m *neonMul) q4() {
	scale, codes := m.scales(), m.codes()
	m.scope(func() {
		nibble, eight := m.v(), m.v()
		m.op("VMOVI", "$15", nibble.b16())
		m.op("VMOVI", "$8", eight.b16())
		for i, p := range m.rows {
			low, high := codes[0][i], codes[1][i]
			m.op("FMOVQ.P", p.at(16), low.f())
			m.op("VUSHR", "$4", low.b16(), high.b16())
			m.op("VAND", nibble.b16(), low.b16(), low.b16())
			for _, x := range []v{low, high} {
				m.op("VSUB", eight.b16(), x.b16(), x.b16())
			}
		}
	})
	m.block(codes, false, m.scaled(scale))
}
