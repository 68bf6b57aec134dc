package quant_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/quant"
)

type goldenTensor struct{ B64 []byte }

func (g goldenTensor) values() []float32 {
	x := make([]float32, len(g.B64)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(g.B64[4*i:]))
	}
	return x
}

// KIVI's own code gives the same codes for keys, per channel over a group of
// tokens, and for values, per token over a group of channels. It keeps scales in
// single precision where the models do, the formats in half.
func TestKIVIAgainstReference(t *testing.T) {
	for _, file := range refdata.Glob(t, refdata.Golden(t, "kivi_quant_*.json")) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var c struct {
			Params struct {
				Heads  int `json:"num_heads"`
				Tokens int
				Dim    int `json:"head_dim"`
				Group  int `json:"group_size"`
				Bits   int
			}
			Inputs  struct{ K, V goldenTensor }
			Outputs struct {
				KCodes [][][]int    `json:"k_codes"`
				VCodes [][][]int    `json:"v_codes"`
				K      goldenTensor `json:"k_dequant"`
				V      goldenTensor `json:"v_dequant"`
			}
		}
		require.NoError(t, json.Unmarshal(data, &c), file)
		p := c.Params
		keys, values := quant.Int4Channel, quant.Int4
		if p.Bits == 2 {
			keys, values = quant.Int2Channel, quant.Int2
		}
		k, v, wantK, wantV := c.Inputs.K.values(), c.Inputs.V.values(), c.Outputs.K.values(), c.Outputs.V.values()
		for h := range p.Heads {
			for from := 0; from < p.Tokens; from += p.Group {
				at, n := (h*p.Tokens+from)*p.Dim, p.Group*p.Dim
				m := quant.Pack(keys, k[at:at+n], p.Group, p.Dim)
				for j := range p.Group {
					require.Equal(t, c.Outputs.KCodes[h][from+j], codes(m.Row(j), p.Bits), "%s: key %d", filepath.Base(file), from+j)
				}
				near(t, wantK[at:at+n], m)
				if p.Group != values.Block() {
					continue
				}
				m = quant.Pack(values, v[at:at+n], p.Group, p.Dim)
				for j := range p.Group {
					var got []int
					size := 4 + p.Group*p.Bits/8
					for row := m.Row(j); len(row) > 0; row = row[size:] {
						got = append(got, codes(row[4:size], p.Bits)...)
					}
					require.Equal(t, c.Outputs.VCodes[h][from+j], got, "%s: value %d", filepath.Base(file), from+j)
				}
				near(t, wantV[at:at+n], m)
			}
		}
	}
}

// codes unpacks bytes, the first code lowest.
func codes(packed []byte, bits int) (out []int) {
	for _, b := range packed {
		for at := 0; at < 8; at += bits {
			out = append(out, int(b>>at)&(1<<bits-1))
		}
	}
	return out
}

// near allows for scales and minimums in half precision: each is off by up to
// 1/2048, of a range up to twice the largest value and of that value.
func near(t *testing.T, want []float32, m quant.Matrix) {
	got, most := make([]float32, len(want)), 0.0
	for _, v := range want {
		most = max(most, math.Abs(float64(v)))
	}
	m.Decode(got, 0, m.Rows)
	for i := range want {
		require.InDelta(t, want[i], got[i], 3*most/2048)
	}
}
