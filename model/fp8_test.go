package model

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// checkpoint is a Hugging Face folder in the making.
type checkpoint struct {
	header map[string]any
	data   []byte
	config map[string]any
}

func newCheckpoint(quantization any) *checkpoint {
	return &checkpoint{header: map[string]any{}, config: map[string]any{
		"model_type": "llama", "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
		"max_position_embeddings": 128, "vocab_size": 50, "quantization_config": quantization,
	}}
}

func (c *checkpoint) add(name, dtype string, data []byte, shape ...int) {
	c.header[name] = map[string]any{"dtype": dtype, "shape": append([]int{}, shape...), "data_offsets": []int{len(c.data), len(c.data) + len(data)}}
	c.data = append(c.data, data...)
}

func (c *checkpoint) floats(name string, x []float32, shape ...int) {
	c.add(name, "F32", quant.Pack(quant.F32, x, 1, len(x)).Data, shape...)
}

func (c *checkpoint) open(t testing.TB) *weights.Source {
	header, err := json.Marshal(c.header)
	require.NoError(t, err)
	config, err := json.Marshal(c.config)
	require.NoError(t, err)
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	src, err := weights.OpenFS(fstest.MapFS{
		"m/model.safetensors": {Data: append(file, c.data...)}, "m/config.json": {Data: config},
	}, "m")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	return src
}

// codeValues returns what numpy makes of the 256 codes of an encoding.
func codeValues(t testing.TB, dtype string) (values [256]float32) {
	data, err := os.ReadFile("../quant/testdata/fp8.bin")
	require.NoError(t, err)
	require.Len(t, data, 2*256*4)
	at := map[string]int{"F8_E4M3": 0, "F8_E5M2": 1024}[dtype]
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[at+4*i:]))
	}
	return values
}

// scales are the layouts of scales: what stands in the file, and which scale a
// value has.
var scales = map[string]struct {
	suffix string
	shape  func(rows, cols int) []int
	index  func(j, d, cols int) int
}{
	"a number":  {"_scale", func(_, _ int) []int { return []int{} }, func(_, _, _ int) int { return 0 }},
	"one":       {"_scale", func(_, _ int) []int { return []int{1} }, func(_, _, _ int) int { return 0 }},
	"per row":   {"_scale", func(rows, _ int) []int { return []int{rows, 1} }, func(j, _, _ int) int { return j }},
	"per block": {"_scale_inv", func(rows, cols int) []int { return []int{(rows + 15) / 16, (cols + 47) / 48} }, func(j, d, cols int) int { return j/16*((cols+47)/48) + d/48 }},
}

// fp8Model writes a model whose layers are in FP8, and the same in float32.
func fp8Model(t testing.TB, dtype, layout string) (coded, plain *checkpoint) {
	rng := rand.New(rand.NewPCG(7, 8))
	values, s := codeValues(t, dtype), scales[layout]
	coded = newCheckpoint(map[string]any{"quant_method": "fp8", "weight_block_size": []int{16, 48}})
	plain = newCheckpoint(nil)
	both := func(name string, mean float32, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = mean + float32(rng.NormFloat64())/4
		}
		coded.floats(name, x, shape...)
		plain.floats(name, x, shape...)
	}
	matrix := func(name string, rows, cols int) {
		scale := make([]float32, 1)
		for _, d := range s.shape(rows, cols) {
			scale = make([]float32, len(scale)*d)
		}
		for i := range scale {
			scale[i] = float32(math.Exp(rng.NormFloat64()/2)) / 100
		}
		codes, x := make([]byte, rows*cols), make([]float32, rows*cols)
		for i := range codes {
			codes[i] = quantized(rng, dtype)
			x[i] = values[codes[i]] * scale[s.index(i/cols, i%cols, cols)]
		}
		coded.add(name, dtype, codes, rows, cols)
		coded.floats(name+s.suffix, scale, s.shape(rows, cols)...)
		coded.floats(name[:len(name)-len("weight")]+"input_scale", []float32{1}, 1)
		plain.floats(name, x, rows, cols)
	}
	both("model.embed_tokens.weight", 0, 50, 64)
	both("model.norm.weight", 1, 64)
	for i := range 2 {
		at := fmt.Sprintf("model.layers.%d.", i)
		both(at+"input_layernorm.weight", 1, 64)
		both(at+"post_attention_layernorm.weight", 1, 64)
		matrix(at+"self_attn.q_proj.weight", 64, 64)
		matrix(at+"self_attn.k_proj.weight", 32, 64)
		matrix(at+"self_attn.v_proj.weight", 32, 64)
		matrix(at+"self_attn.o_proj.weight", 64, 64)
		matrix(at+"mlp.gate_proj.weight", 172, 64)
		matrix(at+"mlp.up_proj.weight", 172, 64)
		matrix(at+"mlp.down_proj.weight", 64, 172)
	}
	return coded, plain
}

// quantized returns the code of a normal value.
func quantized(rng *rand.Rand, dtype string) byte {
	e := quant.E4M3
	if dtype == "F8_E5M2" {
		e = quant.E5M2
	}
	return e.Encode(float32(rng.NormFloat64())*20, true)
}

// Each layout of scales gives the values of the definition, rounded as Q8_0
// rounds, or exact where a row has no whole blocks.
func TestFP8Checkpoint(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	for _, dtype := range []string{"F8_E4M3", "F8_E5M2"} {
		for layout := range scales {
			coded, plain := fp8Model(t, dtype, layout)
			src := coded.open(t)
			m, err := Open(src, pool)
			require.NoError(t, err, layout)
			exact, err := Open(plain.open(t), pool)
			require.NoError(t, err)
			bytes := int64(0)
			for i, l := range m.(*Llama).layers {
				e := exact.(*Llama).layers[i]
				for k, pair := range [][2]linear{{l.q, e.q}, {l.k, e.k}, {l.v, e.v}, {l.o, e.o}, {l.gate, e.gate}, {l.up, e.up}, {l.down, e.down}} {
					got, want := pair[0].Matrix, pair[1].Matrix
					x := make([]float32, want.Rows*want.Cols)
					want.Decode(x, 0, want.Rows)
					require.Equal(t, quant.Pack(fp8Format(want.Cols), x, want.Rows, want.Cols).Data, got.Data, "%s, %s: matrix %d", dtype, layout, k)
					bytes += int64(len(got.Data))
				}
			}
			require.Equal(t, quant.F32, m.(*Llama).layers[0].down.Format)
			requireNear(t, lastLogits(t, exact), lastLogits(t, m), 0.1)
			var whole int64
			for _, info := range src.Infos() {
				if encodingOf(info.Type) == nil {
					whole += info.Size
				}
			}
			require.Equal(t, bytes+whole, WeightBytes(src))
		}
	}
}

// lastLogits are those behind a few tokens.
func lastLogits(t testing.TB, m Model) []float32 {
	c := m.Config()
	kv, err := kvcache.New(kvcache.Shape{NumLayers: c.NumLayers, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim}, kvcache.Config{})
	require.NoError(t, err)
	seqs := []Seq{{Tokens: []int32{3, 1, 4, 1, 5}, Pos: []int32{0, 1, 2, 3, 4}, Out: []int32{4}, KV: kv}}
	kv.Begin(kvcache.Step{Pos: seqs[0].Pos, Prompt: true})
	require.NoError(t, m.Forward(context.Background(), seqs, new(Scratch)))
	return seqs[0].Logits
}

// requireNear checks that have is no farther from want than a share of its size.
func requireNear(t testing.TB, want, have []float32, share float64) {
	require.Len(t, have, len(want))
	var size, apart float64
	for i, v := range want {
		size += float64(v) * float64(v)
		apart += float64(v-have[i]) * float64(v-have[i])
	}
	require.Less(t, math.Sqrt(apart/size), share)
	require.Positive(t, size)
}

func TestFP8Refuses(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	const name = "model.layers.1.mlp.up_proj.weight"
	open := func(change func(c *checkpoint)) error {
		c, _ := fp8Model(t, "F8_E4M3", "per row")
		change(c)
		_, err := Open(c.open(t), pool)
		return err
	}
	require.NoError(t, open(func(*checkpoint) {}))
	var scale *ScaleError
	err := open(func(c *checkpoint) {
		c.header["other"] = c.header[name+"_scale"]
		delete(c.header, name+"_scale")
	})
	require.ErrorAs(t, err, &scale)
	require.ErrorContains(t, err, `tensor "blk.1.ffn_up.weight" is in FP8: want a tensor "blk.1.ffn_up.weight_scale" or`)
	err = open(func(c *checkpoint) { c.header[name+"_scale"].(map[string]any)["shape"] = []int{4, 43} })
	require.ErrorAs(t, err, &scale)
	require.ErrorContains(t, err, "want scales of shape [], [172 1] or [11 2], have [4 43]")
	err = open(func(c *checkpoint) {
		c.header[name+"_scale"].(map[string]any)["shape"] = []int{86}
		c.header[name+"_scale"].(map[string]any)["dtype"] = "I64"
	})
	require.ErrorAs(t, err, &scale)
	err = open(func(c *checkpoint) { c.header[name+"_scale"].(map[string]any)["dtype"] = "U32" })
	var typed *TypeError
	require.ErrorAs(t, err, &typed)
	require.ErrorContains(t, err, `tensor "blk.1.ffn_up.weight_scale" has type u32`)
	err = open(func(c *checkpoint) {
		at := c.header[name].(map[string]any)["data_offsets"].([]int)[0]
		c.data[at+5] = 0x7f
	})
	require.ErrorContains(t, err, `tensor "blk.1.ffn_up.weight": has values that are not finite`)
	err = open(func(c *checkpoint) { c.header[name].(map[string]any)["dtype"] = "F8_E4M3FNUZ" })
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "has type f8_e4m3fnuz")
}

// What Q8_0 rounds of a matrix in FP8 is far below what FP8 rounded of the
// weights: at least 12 dB in E4M3, 18 in E5M2.
func TestFP8AsQ8_0(t *testing.T) {
	const rows, cols = 64, 1024
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	again := func(f quant.Format, x []float32) (y []float32, sqnr float64) {
		y = make([]float32, len(x))
		quant.Pack(f, x, rows, cols).Decode(y, 0, rows)
		var signal, noise float64
		for i, v := range x {
			signal += float64(v) * float64(v)
			noise += float64(v-y[i]) * float64(v-y[i])
		}
		return y, 10 * math.Log10(signal/noise)
	}
	for f, least := range map[quant.Format]float64{quant.FP8E4M3: 12, quant.FP8E5M2: 18} {
		coded, first := again(f, x)
		_, second := again(fp8Format(cols), coded)
		t.Logf("%s: %.1f dB, then as q8_0 %.1f dB", f.Name(), first, second)
		require.Greater(t, second-first, least)
	}
}
