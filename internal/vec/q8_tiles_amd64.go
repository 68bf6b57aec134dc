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

// tileKind is what a panel holds.
type tileKind int

const (
	tileQ8_0   tileKind = 0
	tileQ4_0   tileKind = 16 // bytes, which are codes plus 8
	tileQ4_K   tileKind = 32 // bytes
	tileHalves tileKind = 48 // bytes, which are codes plus 32, and a scale per half of a block
)

// avx2 takes as many of the tokens that are left as a kernel does.
func (t *tileArgs) avx2(kind tileKind, tokens int) int {
	tokens = largest(tokens, 6, 4, 2)
	switch kind + tileKind(tokens) {
	case tileQ8_0 + 1:
		tileQ8_0x1AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ8_0 + 2:
		tileQ8_0x2AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ8_0 + 4:
		tileQ8_0x4AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ8_0 + 6:
		tileQ8_0x6AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_0 + 1:
		tileQ4_0x1AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_0 + 2:
		tileQ4_0x2AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_0 + 4:
		tileQ4_0x4AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_0 + 6:
		tileQ4_0x6AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_K + 1:
		tileQ4_Kx1AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_K + 2:
		tileQ4_Kx2AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_K + 4:
		tileQ4_Kx4AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileQ4_K + 6:
		tileQ4_Kx6AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileHalves + 1:
		tileHalvesx1AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileHalves + 2:
		tileHalvesx2AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileHalves + 4:
		tileHalvesx4AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
	case tileHalves + 6:
		tileHalvesx6AVX2(t.dst, t.ld, t.x, t.stride, t.meta, t.metaStride, t.panel, t.scales, t.blocks)
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
