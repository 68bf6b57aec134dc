package attention_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/attention"
	"github.com/winnowlm/winnow/quant"
)

// history is random cached rows of every KV head.
type history struct {
	p    attention.Params
	k, v [][]float32 // [NumKVHeads][rows·HeadDim]
	pos  []int32
}

func newHistory(rng *rand.Rand, group, dim, rows int) history {
	h := history{p: attention.Params{NumHeads: 2 * group, NumKVHeads: 2, HeadDim: dim, Scale: float32(1 / math.Sqrt(float64(dim)))}}
	at := int32(0)
	for range rows {
		h.pos = append(h.pos, at)
		at += 1 + int32(rng.IntN(3))/2 // gaps, as after eviction
	}
	for range 2 {
		h.k, h.v = append(h.k, normal(rng, rows*dim)), append(h.v, normal(rng, rows*dim))
	}
	return h
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// view packs the history in blocks of size rows; every other block shows a
// random choice of its rows. shown lists, for each row shown, its slot.
func (h history) view(rng *rand.Rand, f quant.Format, size int, pick bool) (v attention.View, shown []int) {
	v.Heads = make([][]attention.Span, h.p.NumKVHeads)
	dim := h.p.HeadDim
	for lo := 0; lo < len(h.pos); lo += size {
		n := min(size, len(h.pos)-lo)
		span := attention.Span{At: int32(len(shown)), Until: attention.Forever}
		for j := range n {
			if pick && lo/size%2 == 1 && rng.IntN(3) == 0 {
				continue
			}
			span.Pick = append(span.Pick, int32(j))
			span.Pos = append(span.Pos, h.pos[lo+j])
			shown = append(shown, lo+j)
		}
		if len(span.Pick) == n {
			span.Pick = nil
		}
		for g := range v.Heads {
			span.K = quant.Pack(quant.Keys(f, dim), h.k[g][lo*dim:(lo+n)*dim], n, dim)
			span.V = quant.Pack(quant.Values(f), h.v[g][lo*dim:(lo+n)*dim], n, dim)
			v.Heads[g] = append(v.Heads[g], span)
		}
	}
	return v, shown
}

// textbook is attention in float64, a query at a time. It also returns the
// weights, [NumHeads][rows shown], of each query.
func (h history) textbook(q []float32, pos []int32, shown []int) (out []float32, weights [][][]float64) {
	p, dim := h.p, h.p.HeadDim
	for t, at := range pos {
		weights = append(weights, make([][]float64, p.NumHeads))
		for head := range p.NumHeads {
			kv := head / p.Group()
			w := make([]float64, len(shown))
			sum := 0.0
			for i, j := range shown {
				if h.pos[j] > at || p.Window > 0 && h.pos[j] <= at-p.Window {
					continue
				}
				dot := 0.0
				for d, x := range q[(t*p.NumHeads+head)*dim:][:dim] {
					dot += float64(x) * float64(h.k[kv][j*dim+d])
				}
				w[i] = math.Exp(dot * float64(p.Scale))
				sum += w[i]
			}
			o := make([]float64, dim)
			for i, j := range shown {
				if sum > 0 {
					w[i] /= sum
				}
				for d := range o {
					o[d] += w[i] * float64(h.v[kv][j*dim+d])
				}
			}
			weights[t][head] = w
			for _, x := range o {
				out = append(out, float32(x))
			}
		}
	}
	return out, weights
}

func TestAttendIsTheTextbook(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, group := range []int{1, 3, 4, 8} {
		for _, rows := range []int{1, 5, 64, 65, 200} {
			for _, window := range []int32{0, 40} {
				for _, pick := range []bool{false, true} {
					t.Run(fmt.Sprintf("group%d/rows%d/window%d/pick%v", group, rows, window, pick), func(t *testing.T) {
						h := newHistory(rng, group, 16, rows)
						h.p.Window = window
						n := min(rows, 70)
						pos := h.pos[rows-n:]
						q := normal(rng, n*h.p.NumHeads*h.p.HeadDim)
						view, shown := h.view(rng, quant.F32, 64, pick)
						view.Scores = &attention.Scores{Mass: make([][]float32, h.p.NumHeads)}
						for g := range view.Scores.Mass {
							view.Scores.Mass[g] = make([]float32, len(shown))
						}
						from := n / 2
						view.Scores.Reset(from, n, h.p.NumHeads)
						got := make([]float32, len(q))
						attention.Attend(got, q, pos, view, h.p)
						want, weights := h.textbook(q, pos, shown)
						require.InDeltaSlice(t, want, got, 1e-5)
						for head, mass := range view.Scores.Mass {
							sum, seen := 0.0, 0.0
							for i := range mass {
								w := 0.0
								for s := from; s < n; s++ {
									w += weights[s][head][i]
								}
								require.InDelta(t, w, mass[i], 1e-5)
								sum += float64(mass[i])
								seen += w
							}
							require.InDelta(t, seen, sum, 1e-4, "watched mass")
							if !pick {
								require.InDelta(t, n-from, sum, 1e-4, "watched mass is one a query")
							}
						}
					})
				}
			}
		}
	}
}

// A query that sees nothing gets zeros, not NaN.
func TestAttendToNothing(t *testing.T) {
	h := newHistory(rand.New(rand.NewPCG(1, 2)), 2, 8, 3)
	view, _ := h.view(nil, quant.F32, 64, false)
	out := normal(rand.New(rand.NewPCG(1, 2)), h.p.NumHeads*h.p.HeadDim)
	attention.Attend(out, make([]float32, len(out)), []int32{-1}, view, h.p)
	require.Equal(t, make([]float32, len(out)), out)
}

// What a query gets, and what is recorded of it, is the same to the last bit
// whatever it is computed with.
func TestAttendIsTheSameForAnyTile(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, window := range []int32{0, 40} {
		for _, f := range []quant.Format{quant.F32, quant.F16, quant.Int8} {
			h := newHistory(rng, 3, 64, 150)
			h.p.Window = window
			view, shown := h.view(rng, f, 64, true)
			q := normal(rng, len(h.pos)*h.p.NumHeads*h.p.HeadDim)
			row := h.p.NumHeads * h.p.HeadDim
			attend := func(n int) ([]float32, [][]float32) {
				out := make([]float32, len(q))
				view.Scores = &attention.Scores{Mass: make([][]float32, h.p.NumHeads)}
				for g := range view.Scores.Mass {
					view.Scores.Mass[g] = make([]float32, len(shown))
				}
				for t := 0; t < len(h.pos); t += n {
					view.Scores.Reset(0, n, h.p.NumHeads)
					attention.Attend(out[t*row:][:n*row], q[t*row:][:n*row], h.pos[t:t+n], view, h.p)
				}
				return out, view.Scores.Mass
			}
			all, mass := attend(len(h.pos))
			one, seen := attend(1)
			require.Equal(t, all, one, f.Name())
			require.Equal(t, mass, seen, f.Name())
		}
	}
}

// A lone query behind all rows, of whose whole blocks keys and values are read at
// once, gets what it gets beside others.
func TestAttendIsTheSameForALoneQuery(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, f := range []quant.Format{quant.F16, quant.BF16, quant.Int8} {
		for _, group := range []int{1, 2, 3, 4, 7} {
			for _, dim := range []int{64, 80, 128} {
				h := newHistory(rng, group, dim, 300)
				view, _ := h.view(rng, f, 64, true)
				const n = 5
				last := h.pos[len(h.pos)-1]
				q, row := normal(rng, n*h.p.NumHeads*dim), h.p.NumHeads*dim
				pos := []int32{last, last + 1, last + 2, last + 3, last + 4}
				all, one := make([]float32, len(q)), make([]float32, len(q))
				attention.Attend(all, q, pos, view, h.p)
				for t := range pos {
					attention.Attend(one[t*row:][:row], q[t*row:][:row], pos[t:t+1], view, h.p)
				}
				require.Equal(t, all, one, "%s, groups of %d, %d channels", f.Name(), group, dim)
			}
		}
	}
}

// However the ranges of rows are shared out, the result is the same to the last
// bit, and so is what is recorded of it.
func TestPartsMergeToTheWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, rows := range []int{1, 64, 256, 257, 700, 5000} {
		h := newHistory(rng, 3, 64, rows)
		view, shown := h.view(rng, quant.F16, 64, true)
		for _, n := range []int{1, min(rows, h.p.TileQueries())} {
			q, pos := normal(rng, n*h.p.NumHeads*64), h.pos[rows-n:]
			attend := func(f func(w *attention.Work, dst []float32)) ([]float32, [][]float32) {
				var w attention.Work
				view.Scores = &attention.Scores{Mass: make([][]float32, h.p.NumHeads)}
				for g := range view.Scores.Mass {
					view.Scores.Mass[g] = make([]float32, len(shown))
				}
				view.Scores.Reset(0, n, h.p.NumHeads)
				dst := make([]float32, len(q))
				f(&w, dst)
				for g := range view.Heads {
					w.Watch(q, pos, view, h.p, g)
				}
				return dst, view.Scores.Mass
			}
			want, mass := attend(func(w *attention.Work, dst []float32) {
				for g := range view.Heads {
					w.Attend(dst, q, pos, view, h.p, g, 0, n)
				}
			})
			for step := 1; step <= view.Ranges(0); step++ {
				got, seen := attend(func(w *attention.Work, dst []float32) {
					for g := range view.Heads {
						parts := make([]attention.Partial, view.Ranges(g))
						for r := 0; r < len(parts); r += step {
							w.Parts(parts[r:min(r+step, len(parts))], q, pos, view, h.p, g, r)
						}
						w.Merge(dst, parts, view, h.p, g)
					}
				})
				require.Equal(t, want, got, "%d rows, %d queries, %d ranges together", rows, n, step)
				require.Equal(t, mass, seen)
			}
		}
	}
}

// Keys shown exactly to their own block and encoded to those after it.
func TestSpanBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	h := newHistory(rng, 1, 8, 64)
	view, shown := h.view(rng, quant.F32, 64, false)
	edge := h.pos[40]
	for g := range view.Heads {
		exact := view.Heads[g][0]
		other := exact
		other.K = quant.Pack(quant.F32, make([]float32, 64*8), 64, 8)
		exact.Until, other.From = edge, edge
		view.Heads[g] = []attention.Span{exact, other}
	}
	q := normal(rng, 64*h.p.NumHeads*8)
	got := make([]float32, len(q))
	attention.Attend(got, q, h.pos, view, h.p)
	want, _ := h.textbook(q, h.pos, shown)
	row := h.p.NumHeads * 8
	require.InDeltaSlice(t, want[:40*row], got[:40*row], 1e-5)
	for i := range h.k {
		clear(h.k[i])
	}
	want, _ = h.textbook(q, h.pos, shown)
	require.InDeltaSlice(t, want[40*row:], got[40*row:], 1e-5)
}

// Turning the query back is turning the key forward.
func TestShift(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	h := newHistory(rng, 2, 16, 30)
	for _, interleaved := range []bool{false, true} {
		h.p.Rope = attention.NewRope(12, 10000, nil, interleaved)
		view, shown := h.view(rng, quant.F32, 64, false)
		for g := range view.Heads {
			view.Heads[g][0].Shift = 17
		}
		q := normal(rng, h.p.NumHeads*16)
		pos := []int32{h.pos[29]}
		got := make([]float32, len(q))
		attention.Attend(got, q, pos, view, h.p)
		cos, sin := make([]float32, 6), make([]float32, 6)
		h.p.Rope.Angles(cos, sin, 17)
		moved := history{p: h.p, v: h.v, pos: h.pos}
		for _, k := range h.k {
			k = append([]float32{}, k...)
			for j := range 30 {
				h.p.Rope.Rotate(k[j*16:][:16], cos, sin, 1, 16)
			}
			moved.k = append(moved.k, k)
		}
		want, _ := moved.textbook(q, pos, shown)
		require.InDeltaSlice(t, want, got, 1e-5)
	}
}

func TestAttendPanics(t *testing.T) {
	h := newHistory(rand.New(rand.NewPCG(1, 2)), 2, 8, 3)
	view, _ := h.view(nil, quant.F32, 64, false)
	require.PanicsWithValue(t, "attention: got 5 queries, 32 outputs, 2 KV heads, want 32, 32, 2", func() {
		attention.Attend(make([]float32, 32), make([]float32, 5), []int32{0}, view, h.p)
	})
}
