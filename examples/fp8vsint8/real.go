package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/kvcache"
)

// named is a row of a table of ratios.
type named struct {
	name string
	sqnr sqnr
}

// real takes the ratios of the model's own weights, activations and rows.
func (st *study) real(ctx context.Context) error {
	for _, d := range distributions {
		st.rows = append(st.rows, named{d.name, d.sampled()})
	}
	var w, k, v sqnr
	acts := map[string]*sqnr{}
	var cols map[string]int
	m, err := st.open(func(x []float32, rows, cols int) { w.add(x, rows, cols) }, func(weight string, x []float32) {
		if n := cols[weight]; n > 0 {
			site := weight[strings.LastIndex(strings.TrimSuffix(weight, ".weight"), ".")+1:]
			if acts[site] == nil {
				acts[site] = new(sqnr)
			}
			acts[site].add(x, len(x)/n, n)
		}
	})
	if err != nil {
		return err
	}
	defer m.Close()
	cols = st.inputs(m)
	s, err := m.NewSession(exact)
	if err != nil {
		return err
	}
	if err := s.Append(ctx, st.texts[0].windows[0], winnow.AppendOptions{}); err != nil {
		return err
	}
	c := m.Config()
	for i := range c.NumLayers {
		for h := range s.Cache().Layer(i).Heads {
			head := &s.Cache().Layer(i).Heads[h]
			n := head.Len() / kvcache.BlockRows * kvcache.BlockRows
			key, value := make([]float32, n*c.HeadDim), make([]float32, n*c.HeadDim)
			head.Rows(key, value, 0, n)
			for lo := 0; lo < n; lo += kvcache.BlockRows {
				at, end := lo*c.HeadDim, (lo+kvcache.BlockRows)*c.HeadDim
				k.add(key[at:end], kvcache.BlockRows, c.HeadDim)
				v.add(value[at:end], kvcache.BlockRows, c.HeadDim)
			}
		}
	}
	st.rows = append(st.rows, named{"weights of the layers", w})
	for _, site := range slices.Sorted(maps.Keys(acts)) {
		st.rows = append(st.rows, named{"input of " + strings.TrimSuffix(site, ".weight"), *acts[site]})
	}
	st.rows = append(st.rows, named{"keys, rotated", k}, named{"values", v})
	return nil
}

// inputs returns the length of the input of each weight of the layers.
func (st *study) inputs(m *winnow.Model) map[string]int {
	c, cols := m.Config(), map[string]int{}
	for i := range c.NumLayers {
		for name, n := range map[string]int{"attn_q": c.HiddenSize, "attn_output": c.NumHeads * c.HeadDim, "ffn_gate": c.HiddenSize, "ffn_down": c.IntermediateSize} {
			cols[fmt.Sprintf("blk.%d.%s.weight", i, name)] = n
		}
	}
	return cols
}
