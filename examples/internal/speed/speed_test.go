package speed

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
)

func stories(t *testing.T) Open {
	path := refdata.Data(t, "models", "stories260K.gguf")
	return func(o winnow.Options) (*winnow.Model, error) { return winnow.Load(path, o) }
}

func results(t *testing.T, p Plan) map[string]Result {
	got := map[string]Result{}
	var order []string
	require.NoError(t, p.Run(context.Background(), stories(t), func(r Result) error {
		name := fmt.Sprintf("%s d%d t%d", r.Test, r.Depth, r.Threads)
		order = append(order, name)
		got[name] = r
		return nil
	}))
	require.Len(t, got, len(order), "%v", order)
	return got
}

func TestRun(t *testing.T) {
	// Depth 520 is beyond the context that the model was trained for.
	p := Plan{Prompt: []int{0, 20}, Generate: []int{7}, Depths: []int{520, 0}, Threads: []int{1, 2}, Repeats: 2}
	got := results(t, p)
	require.Len(t, got, 2*2*2)
	row := kvcache.Shape{NumLayers: 5, NumHeads: 8, NumKVHeads: 4, HeadDim: 8}
	for name, rows := range map[string]int{
		"pp20 d0 t1": 20, "pp20 d0 t2": 20, "tg7 d0 t1": 8, "tg7 d0 t2": 8,
		"pp20 d520 t1": 540, "pp20 d520 t2": 540, "tg7 d520 t1": 527, "tg7 d520 t2": 527,
	} {
		r, ok := got[name]
		require.True(t, ok, name)
		assert.Len(t, r.Rates, 2, name)
		for _, rate := range r.Rates {
			assert.Positive(t, rate, name)
		}
		assert.Equal(t, row.Bytes(kvcache.Config{}, rows), r.CacheBytes, name)
		assert.GreaterOrEqual(t, r.CachePeak, r.CacheBytes, name)
	}
}

// Generation at a depth starts from the policy's selection, the peak is that of
// making it, whichever model it was made with.
func TestRunPolicy(t *testing.T) {
	cfg := kvcache.Config{K: quant.Int8, Policy: policy.SnapKV{Budget: 32}}
	got := results(t, Plan{Generate: []int{1}, Depths: []int{500}, Threads: []int{1, 2}, Repeats: 1, Cache: cfg})
	full := kvcache.Shape{NumLayers: 1, NumHeads: 8, NumKVHeads: 4, HeadDim: 8}.Bytes(cfg, 500)
	for name, r := range got {
		assert.Greater(t, r.CachePeak, full, name)
		assert.Less(t, r.CacheBytes, 2*full, name)
	}
	assert.Equal(t, got["tg1 d500 t1"].CachePeak, got["tg1 d500 t2"].CachePeak)
	assert.Equal(t, got["tg1 d500 t1"].CacheBytes, got["tg1 d500 t2"].CacheBytes)
}

func TestRunErrors(t *testing.T) {
	p := Plan{Prompt: []int{8}, Generate: []int{8}, Depths: []int{0, 16}, Threads: []int{1, 2}, Repeats: 1}
	failure := errors.New("no such model")
	err := p.Run(context.Background(), func(winnow.Options) (*winnow.Model, error) { return nil, failure }, nil)
	assert.ErrorIs(t, err, failure)

	ctx, cancel := context.WithCancel(context.Background())
	rows := 0
	err = p.Run(ctx, stories(t), func(Result) error { rows++; cancel(); return nil })
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 4, rows, "the results of the depth that was complete")

	err = p.Run(context.Background(), stories(t), func(Result) error { return failure })
	assert.ErrorIs(t, err, failure)
}
