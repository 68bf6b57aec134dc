package calibrate_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"github.com/winnowlm/winnow/calibrate"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/quant"
)

func TestDense(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 1)), 4*64)
	d := tensor.New(tensor.WithShape(4, 64), tensor.WithBacking(x))
	m, err := calibrate.FromDense(quant.F32, d)
	require.NoError(t, err)
	require.Equal(t, x, calibrate.ToDense(m).Data())
	q, err := calibrate.FromDense(quant.Q8_0, d)
	require.NoError(t, err)
	require.Equal(t, quant.Pack(quant.Q8_0, x, 4, 64), q)

	view, err := d.Slice(nil, tensor.S(32, 64)) // every row's second half
	require.NoError(t, err)
	half, err := calibrate.FromDense(quant.F32, view.(*tensor.Dense))
	require.NoError(t, err)
	got := calibrate.ToDense(half)
	for r := range 4 {
		for c := range 32 {
			v, err := got.At(r, c)
			require.NoError(t, err)
			require.Equal(t, x[r*64+32+c], v)
		}
	}

	double := tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]float64{1, -2}))
	m, err = calibrate.FromDense(quant.F32, double)
	require.NoError(t, err)
	require.Equal(t, []float32{1, -2}, calibrate.ToDense(m).Data())

	_, err = calibrate.FromDense(quant.Q8_0, double)
	require.ErrorContains(t, err, "rows of 2 values, want a multiple of q8_0's block of 32")
	_, err = calibrate.FromDense(quant.F32, tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{1, 2})))
	require.ErrorContains(t, err, "want a matrix, have shape (2)")
	_, err = calibrate.FromDense(quant.F32, tensor.New(tensor.WithShape(1, 2), tensor.WithBacking([]int{1, 2})))
	require.ErrorContains(t, err, "want float32 or float64, have int")
}

func TestRowsOfACache(t *testing.T) {
	cache, err := kvcache.New(kvcache.Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: 2}, kvcache.Config{K: quant.F32, V: quant.F32})
	require.NoError(t, err)
	k, v := calibrate.Rows(&cache.Layer(0).Heads[0])
	require.Nil(t, k)
	require.Nil(t, v)
	cache.Begin(kvcache.Step{Pos: []int32{0, 1}, Prompt: true})
	cache.Update(0, 0, []float32{0, 0, 0, 0}, []float32{1, 2, 3, 4}, []float32{5, 6, 7, 8})
	cache.Done(0)
	k, v = calibrate.Rows(&cache.Layer(0).Heads[0])
	require.Equal(t, tensor.Shape{2, 2}, k.Shape())
	require.Equal(t, []float32{1, 2, 3, 4}, k.Data())
	require.Equal(t, []float32{5, 6, 7, 8}, v.Data())
}

// What is put into a head comes out of it as its formats round it, of full
// blocks and of the exact rows behind them.
func TestSetRows(t *testing.T) {
	const n, dim = 100, 32
	rng := rand.New(rand.NewPCG(3, 4))
	for _, f := range []quant.Format{quant.F32, quant.F16, quant.Int8} {
		cache, err := kvcache.New(kvcache.Shape{NumLayers: 1, NumHeads: 1, NumKVHeads: 1, HeadDim: dim}, kvcache.Config{K: f, V: f})
		require.NoError(t, err)
		step := kvcache.Step{Prompt: true}
		for i := range n {
			step.Pos = append(step.Pos, int32(i))
		}
		cache.Begin(step)
		cache.Update(0, 0, make([]float32, n*dim), normal(rng, n*dim), normal(rng, n*dim))
		cache.Done(0)
		head := &cache.Layer(0).Heads[0]
		keys, values := normal(rng, n*dim), normal(rng, n*dim)
		k := tensor.New(tensor.WithShape(dim, n), tensor.WithBacking(keys))
		require.NoError(t, k.T())
		v := tensor.New(tensor.WithShape(n, dim), tensor.WithBacking(values))
		require.NoError(t, calibrate.SetRows(head, k, v))
		gotK, gotV := calibrate.Rows(head)
		bound := map[quant.Format]float64{quant.F32: 0, quant.F16: 1. / 512, quant.Int8: 1. / 50}[f]
		for i := range n {
			for d := range dim {
				key, err := gotK.At(i, d)
				require.NoError(t, err)
				require.InDelta(t, keys[d*n+i], key, bound, "%s: key %d, %d", f.Name(), i, d)
				value, err := gotV.At(i, d)
				require.NoError(t, err)
				require.InDelta(t, values[i*dim+d], value, bound, "%s: value %d, %d", f.Name(), i, d)
			}
		}
		require.ErrorContains(t, calibrate.SetRows(head, v, tensor.New(tensor.WithShape(1, dim), tensor.Of(tensor.Float32))), "values: want shape (100, 32), have (1, 32)")
		require.ErrorContains(t, calibrate.SetRows(head, tensor.New(tensor.WithShape(n, dim), tensor.Of(tensor.Int)), v), "keys: want float32 or float64, have int")
	}
}

// The nearest 8-bit weights of a tensor, and back.
func ExampleFromDense() {
	d := tensor.New(tensor.WithShape(1, 4), tensor.WithBacking([]float32{0.5, -1, 0.25, 1.27}))
	m, err := calibrate.FromDense(quant.Int8, d)
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Format.Name(), len(m.Data), "bytes")
	fmt.Printf("%.2f\n", calibrate.ToDense(m).Data())
	// Output:
	// int8 8 bytes
	// [0.50 -1.00 0.25 1.27]
}

// Logits share the memory of the session, so that tensor operations can change
// them before a token is chosen.
func ExampleLogits() {
	logits := []float32{1, 2, 4}
	d := calibrate.Logits(logits, 3)
	if _, err := tensor.Mul(d, float32(0.5), tensor.UseUnsafe()); err != nil {
		panic(err)
	}
	fmt.Println(logits)
	// Output: [0.5 1 2]
}
