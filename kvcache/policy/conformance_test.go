package policy_test

import (
	"testing"

	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/kvcache/policy/policytest"
)

// Every policy has an entry.
func TestConformance(t *testing.T) {
	const ample = policytest.Tokens
	for _, c := range []policytest.Case{
		{Name: "none", Ample: nil},
		{
			Name:  "window",
			Ample: policy.Window{Recent: ample},
			Tight: policy.Window{Sink: 4, Recent: 80}, Rows: 84,
		},
		{
			Name:  "window-renumbered",
			Ample: policy.Window{Recent: ample, Renumber: true},
			Tight: policy.Window{Sink: 4, Recent: 80, Renumber: true}, Rows: 84,
		},
		{
			Name:  "snapkv",
			Ample: policy.SnapKV{Budget: ample},
			Tight: policy.SnapKV{Budget: 70, Observe: 16}, Rows: 70, Grow: true,
		},
		{
			Name:  "snapkv-max",
			Ample: policy.SnapKV{Budget: ample, Pool: policy.Max, Group: policy.Most},
			Tight: policy.SnapKV{Budget: 64, Observe: 64, Kernel: 7, Pool: policy.Max, Group: policy.Most}, Rows: 64, Grow: true,
		},
		{
			Name:  "random",
			Ample: policy.Random{Budget: ample},
			Tight: policy.Random{Budget: 70, Recent: 8, Seed: 5}, Rows: 70, Grow: true,
		},
		{
			Name:  "expectedattention",
			Ample: policy.ExpectedAttention{Budget: ample},
			Tight: policy.ExpectedAttention{Budget: 70}, Rows: 70, Grow: true,
		},
		{
			Name:  "adakv-expectedattention",
			Ample: policy.AdaKV{Scorer: policy.ExpectedAttention{Budget: ample}},
			Tight: policy.AdaKV{Scorer: policy.ExpectedAttention{Budget: 70}}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "criticalkv-adakv",
			Ample: policy.CriticalKV{Scorer: policy.AdaKV{Scorer: policy.SnapKV{Budget: ample}}},
			Tight: policy.CriticalKV{Scorer: policy.AdaKV{Scorer: policy.SnapKV{Budget: 70, Observe: 16}}}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "lagkv",
			Ample: policy.LagKV{Budget: ample},
			Tight: policy.LagKV{Budget: 70}, Rows: 70, Grow: true,
		},
		{
			Name:  "adakv-lagkv",
			Ample: policy.AdaKV{Scorer: policy.LagKV{Budget: ample, Cross: true}},
			Tight: policy.AdaKV{Scorer: policy.LagKV{Budget: 70, Lag: 20, Cross: true}}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "chunkkv",
			Ample: policy.ChunkKV{Scorer: policy.SnapKV{Budget: ample}},
			Tight: policy.ChunkKV{Scorer: policy.SnapKV{Budget: 70, Observe: 16}}, Rows: 70, Grow: true,
		},
		{
			Name:  "adakv-chunkkv-expectedattention",
			Ample: policy.AdaKV{Scorer: policy.ChunkKV{Scorer: policy.ExpectedAttention{Budget: ample}, PerHead: true}},
			Tight: policy.AdaKV{Scorer: policy.ChunkKV{Scorer: policy.ExpectedAttention{Budget: 70}, Length: 7, PerHead: true}}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "curdkv",
			Ample: policy.CurDKV{Budget: ample},
			Tight: policy.CurDKV{Budget: 70}, Rows: 70, Grow: true,
		},
		{
			Name:  "noncausalattention",
			Ample: policy.NonCausalAttention{Budget: ample},
			Tight: policy.NonCausalAttention{Budget: 70, Chunk: 48}, Rows: 70, Grow: true,
		},
		{
			Name:  "adakv-noncausalattention",
			Ample: policy.AdaKV{Scorer: policy.NonCausalAttention{Budget: ample}},
			Tight: policy.AdaKV{Scorer: policy.NonCausalAttention{Budget: 70, Chunk: 6, Sink: 8, Recent: 4}}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "kvzip",
			Ample: policy.KVzip{Budget: ample, Chunk: 150},
			Tight: policy.KVzip{Budget: 70, Chunk: 150}, Rows: 70, Spread: true, Whole: true, Grow: true,
		},
		{
			Name:  "kvzip-layers",
			Ample: policy.KVzip{Budget: ample},
			Tight: policy.KVzip{Budget: 70, PerLayer: true}, Rows: 70, Ragged: true, Whole: true, Grow: true,
		},
		{
			Name:  "lookm",
			Ample: policy.LookM{Important: ample, NoPrior: true},
			Tight: policy.LookM{Important: 30, Recent: 40, NoPrior: true}, Rows: 70, Grow: true,
		},
		{
			Name:  "merge-snapkv",
			Ample: policy.Merge{Policy: policy.SnapKV{Budget: ample}},
			Tight: policy.Merge{Policy: policy.SnapKV{Budget: 70, Observe: 16}}, Rows: 70, Grow: true,
		},
		{
			Name:  "merge-adakv",
			Ample: policy.Merge{Policy: policy.AdaKV{Scorer: policy.KeyDiff{Budget: ample}}, How: policy.ValuesOnly},
			Tight: policy.Merge{Policy: policy.AdaKV{Scorer: policy.KeyDiff{Budget: 70}}, How: policy.Weighted, Filter: true}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "h2o",
			Ample: policy.H2O{Recent: ample},
			Tight: policy.H2O{Heavy: 30, Recent: 40}, Rows: 70,
		},
		{
			Name:  "tova",
			Ample: policy.TOVA{Budget: ample},
			Tight: policy.TOVA{Budget: 70}, Rows: 70,
		},
		{
			Name:  "h2o-perquery",
			Ample: policy.H2O{Heavy: ample, Recent: -1, PerQuery: true},
			Tight: policy.H2O{Heavy: 70, Recent: -1, PerQuery: true}, Rows: 70,
		},
		{
			Name:  "tova-recent",
			Ample: policy.TOVA{Budget: ample, Recent: 8},
			Tight: policy.TOVA{Budget: 70, Recent: 8}, Rows: 70,
		},
		{
			Name:  "pyramidkv",
			Ample: policy.PyramidKV{Scorer: policy.SnapKV{Budget: ample}},
			Tight: policy.PyramidKV{Scorer: policy.SnapKV{Budget: 70, Observe: 16}}, Layers: []int{122, 70, 18}, Grow: true,
		},
		{
			Name:  "pyramidkv-sharewindow",
			Ample: policy.PyramidKV{Scorer: policy.SnapKV{Budget: ample}, ShareWindow: true},
			Tight: policy.PyramidKV{Scorer: policy.SnapKV{Budget: 80, Observe: 4}, ShareWindow: true}, Layers: []int{156, 80, 4}, Grow: true,
		},
		{
			Name:  "adakv",
			Ample: policy.AdaKV{Scorer: policy.SnapKV{Budget: ample}},
			Tight: policy.AdaKV{Scorer: policy.SnapKV{Budget: 70, Observe: 16}}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "adakv-keydiff-safeguard",
			Ample: policy.AdaKV{Scorer: policy.KeyDiff{Budget: ample}, Safeguard: true},
			Tight: policy.AdaKV{Scorer: policy.KeyDiff{Budget: 70, Sink: 4, Recent: 8}, Safeguard: true}, Rows: 70, Ragged: true, Grow: true,
		},
		{
			Name:  "adakv-pyramidkv",
			Ample: policy.AdaKV{Scorer: policy.PyramidKV{Scorer: policy.SnapKV{Budget: ample}}, Normalize: true},
			Tight: policy.AdaKV{Scorer: policy.PyramidKV{Scorer: policy.SnapKV{Budget: 70, Observe: 16}}, Normalize: true}, Layers: []int{122, 70, 18}, Ragged: true, Grow: true,
		},
	} {
		policytest.Run(t, c)
	}
}
