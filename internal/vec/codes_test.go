package vec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/cpu"
)

var allCodes = []Code{CodeI8, CodeU8, CodeU4, CodeU2, CodeE4M3, CodeE5M2}

// Every code in every place of a register, at all lengths.
func TestLevelsAreTheSameAtAllLevels(t *testing.T) {
	for _, c := range allCodes {
		for n := 0; n <= 300; n += 8 / c.Bits() {
			src := make([]byte, 1+(n*c.Bits()+7)/8)[1:]
			for i := range src {
				src[i] = byte(i*37 + n)
			}
			want := make([]float32, n)
			levelsGo(want, src, c)
			eachLevel(t, func(t *testing.T) {
				got := guarded(n)
				Levels(got[:n], src, c, nil)
				requireGuards(t, got)
				requireSame(t, want, got[:n], c, n)
			})
		}
	}
}

func TestLookIsTheSameAtAllLevels(t *testing.T) {
	r := testRand(4)
	for range 100 {
		var levels [16]int8
		src, dst := make([]byte, 1+16)[1:], make([]byte, 3+32+1)
		for i := range levels {
			levels[i], src[i] = int8(r.Uint32()), byte(r.Uint32())
		}
		dst[2], dst[35] = 77, 77
		var want [32]byte
		lookGo(&want, (*[16]byte)(src), &levels)
		eachLevel(t, func(t *testing.T) {
			clear(dst[3:35])
			Look((*[32]byte)(dst[3:]), (*[16]byte)(src), &levels)
			require.Equal(t, want[:], dst[3:35])
			require.Equal(t, [2]byte{77, 77}, [2]byte{dst[2], dst[35]})
		})
	}
}

func TestLevelsOfKnownCodes(t *testing.T) {
	for _, x := range []struct {
		c    Code
		src  []byte
		want []float32
	}{
		{CodeI8, []byte{0, 127, 128, 255}, []float32{0, 127, -128, -1}},
		{CodeU8, []byte{0, 127, 128, 255}, []float32{0, 127, 128, 255}},
		{CodeU4, []byte{0x21, 0xf0}, []float32{1, 2, 0, 15}},
		{CodeU2, []byte{0xe4}, []float32{0, 1, 2, 3}},
		{CodeE4M3, []byte{0x01, 0x08, 0x38, 0x7e, 0xfe, 0x80}, []float32{0x1p-9, 0x1p-6, 1, 448, -448, 0}},
		{CodeE5M2, []byte{0x01, 0x04, 0x3c, 0x7b, 0x7c, 0x80}, []float32{0x1p-16, 0x1p-14, 1, 57344, float32(math.Inf(1)), 0}},
	} {
		eachLevel(t, func(t *testing.T) {
			src := append(append([]byte{}, x.src...), make([]byte, 32)...) // long enough for a kernel
			got := make([]float32, len(src)*8/x.c.Bits())
			Levels(got, src, x.c, src)
			assert.Equal(t, x.want, got[:len(x.want)])
		})
	}
	eachLevel(t, func(t *testing.T) {
		got := make([]float32, 32)
		Levels(got, append([]byte{0x7f, 0xff}, make([]byte, 30)...), CodeE4M3, nil)
		assert.True(t, got[0] != got[0] && got[1] != got[1])
	})
}

func TestGroupsAreTheSameAtAllLevels(t *testing.T) {
	for _, c := range allCodes {
		for _, width := range []int{8, 32, 40, 64, 128} {
			for n := range 5 {
				r := testRand(uint64(width + n))
				size := c.header() + width*c.Bits()/8
				src := make([]byte, 1+n*size)[1:]
				for i := range src {
					src[i] = byte(r.IntN(256))
				}
				for g := range n { // parameters that are numbers
					half, _ := c.line()
					p := normals(r, 2)
					for i, v := range p {
						at := src[g*size:]
						switch {
						case half:
							f32ToF16Go(at[2*i:2*i+2], []float32{v})
						case 4*i < c.header():
							copy(at[4*i:], encodeRows(fmtF32, []float32{v}, 1, 1, 4))
						}
					}
				}
				want := make([]float32, n*width)
				at(cpu.Go, func() { Groups(want, src, c, width, nil) })
				eachLevel(t, func(t *testing.T) {
					got := guarded(n * width)
					Groups(got[:n*width], src, c, width, src)
					requireGuards(t, got)
					requireSame(t, want, got[:n*width], c, width, n)
				})
			}
		}
	}
	require.PanicsWithValue(t, "vec: Groups: got len(src) 35, want at least 36", func() { Groups(make([]float32, 32), make([]byte, 35), CodeI8, 32, nil) })
}
