package vec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/winnowlm/winnow/internal/cpu"
)

// kquant is a format of super-blocks, with its values by the definition.
type kquant struct {
	name   string
	size   int
	halves []int // where its float16 scales stand
	mul    func(dst []float32, ld int, a *Q8, w []byte, rows int)
	value  func(w []byte, i int) float64
}

var kquants = []kquant{
	{"q4_k", 144, []int{0, 2}, MulQ4_K, func(w []byte, i int) float64 {
		scale, minimum := 0, 0
		if s, b := w[4:16], i/32; b < 4 {
			scale, minimum = int(s[b]&63), int(s[b+4]&63)
		} else {
			scale, minimum = int(s[b+4]&15)+int(s[b-4]>>6)*16, int(s[b+4]>>4)+int(s[b]>>6)*16
		}
		code := int(w[16+i/64*32+i%32]) >> (i / 32 % 2 * 4) & 15
		return half(w[0:])*float64(scale*code) - half(w[2:])*float64(minimum)
	}},
	{"q6_k", 210, []int{208}, MulQ6_K, func(w []byte, i int) float64 {
		h, b, l := i/128, i/32%4, i%32
		code := int(w[64*h+b%2*32+l])>>(b/2*4)&15 + int(w[128+32*h+l])>>(2*b)&3*16
		return half(w[208:]) * float64(int(int8(w[192+i/16]))*(code-32))
	}},
}

func half(w []byte) float64 { return float64(f16(binary.LittleEndian.Uint16(w))) }

// random returns a matrix of random codes, the extremes among them, at an odd address.
func (k *kquant) random(r *rand.Rand, rows, cols int) []byte {
	w := make([]byte, 1+rows*cols/SuperBlock*k.size)[1:]
	for b := 0; b < len(w); b += k.size {
		extreme := r.IntN(8) == 0
		for i := range k.size {
			w[b+i] = byte(r.Uint32())
			if extreme {
				w[b+i] = []byte{0x80, 0x7f, 0xff, 0}[r.IntN(4)]
			}
		}
		for _, at := range k.halves {
			binary.LittleEndian.PutUint16(w[b+at:], toF16(float32(r.NormFloat64())/1024))
		}
	}
	return w
}

func TestMulKQuantIsTheProductOfTheCodes(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, k := range kquants {
			for _, cols := range []int{0, 256, 512, 1280} {
				for _, n := range []int{1, 2, 5, 13} {
					for _, rows := range []int{1, 7, 8, 17, 33} {
						r := testRand(uint64(cols + n))
						x := normals(r, n*cols)
						for i := range x {
							if r.IntN(3) == 0 {
								x[i] = float32(4 - 8*r.IntN(2)) // codes of ±127
							}
						}
						a, w := quantized(x, n, cols), k.random(r, rows, cols)
						ld := rows + 3
						dst := guarded(span(n, ld, rows))
						k.mul(dst, ld, a, w, rows)
						requireGuards(t, dst)
						acts := dequantizeQ8(a)
						for j := range rows {
							row := w[j*cols/SuperBlock*k.size:]
							for q := range n {
								var sum, size float64
								for c := range cols {
									v := k.value(row[c/SuperBlock*k.size:], c%SuperBlock)
									sum += acts[q*cols+c] * v
									size += math.Abs(acts[q*cols+c] * v)
								}
								// The minimums cancel what the codes add up to.
								requireSum(t, sum, dst[q*ld+j], 1e-5, size, "%s cols %d n %d rows %d q %d j %d", k.name, cols, n, rows, q, j)
							}
						}
					}
				}
			}
		}
	})
}

// The canonical order: one token and one row alone give the same bits as all.
func TestMulKQuantDoesNotDependOnTheCut(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, k := range kquants {
			const n, rows, cols = 15, 53, 768
			r := testRand(7)
			x, w := normals(r, n*cols), k.random(r, rows, cols)
			size := len(w) / rows
			want := make([]float32, n*rows)
			for q := range n {
				a := quantized(x[q*cols:], 1, cols)
				for j := range rows {
					k.mul(want[q*rows+j:], 1, a, w[j*size:][:size], 1)
				}
			}
			for i := range 20 {
				q, j := r.IntN(n), r.IntN(rows)
				m, rest := 1+r.IntN(n-q), 1+r.IntN(rows-j)
				if i == 0 {
					q, j, m, rest = 0, 0, n, rows
				}
				got := make([]float32, m*rest)
				k.mul(got, rest, quantized(x[q*cols:], m, cols), w[j*size:], rest)
				for i := range m {
					requireSame(t, want[(q+i)*rows+j:][:rest], got[i*rest:][:rest], k.name, m, rest)
				}
			}
		}
	})
}

func TestMulKQuantEdges(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, k := range kquants {
			const n, rows, cols = 5, 17, 512
			r := testRand(6)
			x := normals(r, n*cols)
			x[2*cols+40] = float32(math.Inf(1))
			dst, w := make([]float32, n*rows), k.random(r, rows, cols)
			k.mul(dst, rows, quantized(x, n, cols), w, rows)
			for i, v := range dst {
				assert.Equal(t, i/rows == 2, v != v, "%s: output %d", k.name, i)
			}
			a := quantized(x, n, cols)
			assert.Panics(t, func() { k.mul(dst, rows, a, w[1:], rows) })
			assert.Panics(t, func() { k.mul(dst[1:], rows, a, w, rows) })
			a.Resize(1, 288)
			assert.Panics(t, func() { k.mul(dst, rows, a, w, rows) })
		}
	})
}

func FuzzMulKQuantAgainstGo(f *testing.F) {
	f.Add(uint64(1), byte(3), byte(40), byte(2), byte(0))
	f.Fuzz(func(t *testing.T, seed uint64, n, rows, blocks, which byte) {
		r, k := testRand(seed), kquants[int(which)%len(kquants)]
		N, R, cols := 1+int(n%20), 1+int(rows%80), int(blocks%8)*SuperBlock
		x, w := normals(r, N*cols), k.random(r, R, cols)
		want, got := guarded(N*R), guarded(N*R)
		k.mul(got, R, quantized(x, N, cols), w, R)
		at(cpu.Go, func() { k.mul(want, R, quantized(x, N, cols), w, R) })
		requireGuards(t, got)
		// A term is below 4·(63·15+63)/1024 or 4·128·32/1024.
		requireNear(t, want[:N*R], got[:N*R], 1e-6*float64(1+cols)*16)
	})
}
