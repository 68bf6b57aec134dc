package winnow_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

func retriever(t testing.TB) *winnow.Model {
	file, err := testmodel.Retriever(quant.F16)
	require.NoError(t, err)
	m, err := winnow.LoadReaderAt(bytes.NewReader(file), int64(len(file)), winnow.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

// A model that provably retrieves: under each configuration it finds a needle
// exactly when the configuration is to keep it.
func TestRetrieval(t *testing.T) {
	m := retriever(t)
	words := 1000
	if testing.Short() {
		words = 400
	}
	for _, c := range []struct {
		name  string
		cfg   kvcache.Config
		finds bool
	}{
		{"full", kvcache.Config{}, true},
		{"int8", kvcache.Config{K: quant.Int8, V: quant.Int8}, true},
		{"snapkv", kvcache.Config{Policy: policy.SnapKV{Budget: 64, Observe: 16, Kernel: 7}}, true},
		{"snapkv int8", kvcache.Config{K: quant.Int8, V: quant.Int8, Policy: policy.SnapKV{Budget: 64, Observe: 16, Kernel: 7, Pool: policy.Max}}, true},
		{"adakv", kvcache.Config{Policy: policy.AdaKV{Scorer: policy.SnapKV{Budget: 64, Observe: 16, Kernel: 7}}}, true},
		{"recycled", kvcache.Config{Policy: policy.Recycled{TopK: 64}}, true},
		{"window", kvcache.Config{Policy: policy.Window{Sink: 4, Recent: 60}}, false},
	} {
		for i, depth := range []float64{0, 0.3, 0.8} {
			t.Run(fmt.Sprintf("%s/%g", c.name, depth), func(t *testing.T) {
				text, needles := testmodel.Haystack(uint64(i), words, depth)
				_, answer := write(t, session(t, m, c.cfg), text+needles[0].Question(), winnow.GenerateOptions{MaxTokens: 3})
				if c.finds {
					require.Equal(t, needles[0].Value, answer)
				} else {
					require.NotEqual(t, needles[0].Value, answer)
				}
			})
		}
	}
	// One of several, in the middle of others of the same form.
	text, needles := testmodel.Haystack(9, words, 0.1, 0.2, 0.5, 0.9)
	for _, n := range needles {
		_, answer := write(t, session(t, m, kvcache.Config{Policy: policy.SnapKV{Budget: 128, Kernel: 7}}), text+n.Question(), winnow.GenerateOptions{MaxTokens: 3})
		require.Equal(t, n.Value, answer)
	}
}
