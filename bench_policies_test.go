package winnow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow/internal/par"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/model"
	"github.com/winnowlm/winnow/model/weights"
)

// deep is a sequence whose rows are random but for the prompt's last tokens: a
// cache is filled at once, where reading would take minutes.
type deep struct {
	m    model.Model
	kv   *kvcache.Cache
	at   int
	seqs []model.Seq
	s    model.Scratch
}

const (
	deepTokens = 16384
	deepEnd    = 64 // tokens that are really read, at the end of the prompt
)

func newDeep(b *testing.B, m model.Model, p kvcache.Policy) *deep {
	c := m.Config()
	kv, err := kvcache.New(kvcache.Shape{NumLayers: c.NumLayers, NumHeads: c.NumHeads, NumKVHeads: c.NumKVHeads, HeadDim: c.HeadDim},
		kvcache.Config{Policy: p, Model: m})
	require.NoError(b, err)
	d := &deep{m: m, kv: kv, seqs: make([]model.Seq, 1)}
	d.fill(deepTokens - deepEnd)
	tokens := make([]int32, deepEnd)
	for j := range tokens {
		tokens[j] = int32(7 * j % c.VocabSize)
	}
	d.read(b, tokens, kvcache.Step{Prompt: true})
	// Nothing is repeated either: the scores are drawn.
	rng := rand.New(rand.NewPCG(3, 4))
	none := func([]int32) []int32 { return nil }
	require.NoError(b, kv.Rehearse(make([]int32, d.at), 0, none, func(f *kvcache.Cache, _ []int32, _ kvcache.Step) error {
		for i := range c.NumLayers {
			for h := range f.Layer(i).Heads {
				for j := range f.Layer(i).Heads[h].Score() {
					f.Layer(i).Heads[h].Score()[j] = rng.Float32()
				}
			}
		}
		return nil
	}))
	return d
}

// fill gives each layer n random rows, in tiles as a model does.
func (d *deep) fill(n int) {
	c, step := d.m.Config(), kvcache.Step{Prompt: true, Rest: deepEnd}
	for j := range n {
		step.Pos = append(step.Pos, int32(j))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	qd, kd := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	noise := make([]float32, model.TileRows*(qd+2*kd)+n)
	for i := range noise {
		noise[i] = float32(rng.NormFloat64())
	}
	d.kv.Begin(step)
	for i := range c.NumLayers {
		for lo := 0; lo < n; lo += model.TileRows {
			rows, x := min(model.TileRows, n-lo), noise[(lo+i)%n:]
			d.kv.Update(i, lo, x[:rows*qd], x[rows*qd:][:rows*kd], x[rows*(qd+kd):][:rows*kd])
			d.kv.Done(i)
		}
	}
	d.at = n
}

func (d *deep) read(b *testing.B, tokens []int32, step kvcache.Step) {
	q := &d.seqs[0]
	q.Tokens, q.KV, q.Pos = tokens, d.kv, q.Pos[:0]
	for range tokens {
		q.Pos = append(q.Pos, int32(d.at))
		d.at++
	}
	step.Pos = q.Pos
	d.kv.Begin(step)
	require.NoError(b, d.m.Forward(context.Background(), d.seqs, &d.s))
}

// resident returns the bytes of memory that the process holds and no file backs,
// after unused memory has gone back to the system. It is known on Linux.
func resident() (int64, bool) {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	_, after, ok := strings.Cut(string(status), "RssAnon:")
	var kib int64
	n, _ := fmt.Sscan(after, &kib)
	return kib << 10, ok && n == 1
}

// BenchmarkPolicies generates behind 16384 tokens under each policy with a
// budget of 1024 rows a head, f16, and reports the cache's bytes, the Go heap and
// the process's memory, the latter two without the mapped weights but with what
// the model keeps of its own. WINNOW_MODEL names the model.
func BenchmarkPolicies(b *testing.B) {
	path := os.Getenv("WINNOW_MODEL")
	if path == "" {
		var err error
		path, err = testmodel.File(b.TempDir(), "smollm2-135m", "q8_0")
		require.NoError(b, err)
	}
	src, err := weights.Open(path)
	require.NoError(b, err)
	defer src.Close()
	pool := par.New(runtime.GOMAXPROCS(0))
	defer pool.Close()
	m, err := model.Open(src, pool)
	require.NoError(b, err)
	snap := policy.SnapKV{Budget: 1024}
	for _, c := range []struct {
		name string
		p    kvcache.Policy
	}{
		{"none", nil},
		{"Window", policy.Window{}},
		{"Window-Renumber", policy.Window{Renumber: true}},
		{"SnapKV", snap},
		{"H2O", policy.H2O{}},
		{"TOVA", policy.TOVA{}},
		{"PyramidKV", policy.PyramidKV{Scorer: snap}},
		{"AdaKV", policy.AdaKV{Scorer: snap}},
		{"KeyDiff", policy.KeyDiff{}},
		{"ExpectedAttention", policy.ExpectedAttention{}},
		{"AdaKV-ExpectedAttention", policy.AdaKV{Scorer: policy.ExpectedAttention{}}},
		{"CriticalKV", policy.CriticalKV{Scorer: snap}},
		{"KVzip", policy.KVzip{}},
		{"LookM", policy.LookM{NoPrior: true}},
		{"Merge-SnapKV", policy.Merge{Policy: snap}},
		{"Random", policy.Random{}},
		{"Recycled", policy.Recycled{TopK: 1024}},
		{"Recycled-SnapKV", policy.Recycled{Over: policy.SnapKV{Budget: 4096}, TopK: 1024}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := newDeep(b, m, c.p)
			token := []int32{1}
			d.read(b, token, kvcache.Step{})
			b.ReportAllocs()
			for b.Loop() {
				d.read(b, token, kvcache.Step{})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
			b.ReportMetric(float64(d.kv.Bytes())/(1<<20), "cache-MiB")
			d.s = model.Scratch{}
			var mem runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&mem)
			b.ReportMetric(float64(mem.HeapAlloc)/(1<<20), "heap-MiB")
			if anon, ok := resident(); ok {
				b.ReportMetric(float64(anon)/(1<<20), "resident-MiB")
			}
			runtime.KeepAlive(d)
		})
	}
}
