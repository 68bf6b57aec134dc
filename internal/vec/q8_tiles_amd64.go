//go:build !noasm && !purego

package vec

// tileArgs are the arguments of a kernel that multiplies tokens with a panel.
type tileArgs struct {
	dst    *float32
	ld     int
	x      *byte
	stride int

	meta       *byte
	metaStride int

	panel  *byte
	scales *float32
	blocks int
}

// avx2 takes as many of the tokens that are left as a kernel does.
func (t *tileArgs) avx2(q4 bool, tokens int) int {
	tokens = largest(tokens, 6, 4, 2)
	n := tokens
	if q4 {
		n += 16
	}
	switch n {
	case 1:
		tileQ8_0x1AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case 2:
		tileQ8_0x2AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case 4:
		tileQ8_0x4AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case 6:
		tileQ8_0x6AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case 16 + 1:
		tileQ4_0x1AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case 16 + 2:
		tileQ4_0x2AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case 16 + 4:
		tileQ4_0x4AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case 16 + 6:
		tileQ4_0x6AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	}
	return tokens
}

// largest returns the first size that is at most n, or 1.
func largest(n int, sizes ...int) int {
	for _, s := range sizes {
		if s <= n {
			return s
		}
	}
	return 1
}
