package winnow_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/model"
)

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
// budget of 1024 rows a head, f16, and reports how long it took to fill the cache
// and to choose what stays, the cache's bytes, the Go heap and
// the process's memory, the latter two without the mapped weights but with what
// the model keeps of its own. WINNOW_MODEL names the model.
func BenchmarkPolicies(b *testing.B) {
	m := benchWeights(b)
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
		{"LagKV", policy.LagKV{}},
		{"CurDKV", policy.CurDKV{}},
		{"NonCausalAttention", policy.NonCausalAttention{}},
		{"ChunkKV", policy.ChunkKV{Scorer: snap}},
		{"ExpectedAttention", policy.ExpectedAttention{}},
		{"AdaKV-ExpectedAttention", policy.AdaKV{Scorer: policy.ExpectedAttention{}}},
		{"CriticalKV", policy.CriticalKV{Scorer: snap}},
		{"KVzip", policy.KVzip{}},
		{"LookM", policy.LookM{NoPrior: true}},
		{"Merge-SnapKV", policy.Merge{Policy: snap}},
		{"Random", policy.Random{}},
		{"Recycled", policy.Recycled{TopK: 1024}},
		{"Recycled-SnapKV", policy.Recycled{Over: policy.SnapKV{Budget: 4096}, TopK: 1024}},
		{"none-again", nil}, // how much the machine has changed meanwhile
	} {
		b.Run(c.name, func(b *testing.B) {
			start := time.Now()
			d := newDeep(b, m, kvcache.Config{Policy: c.p}, 16384)
			filled := time.Since(start)
			token := []int32{1}
			d.read(b, token, kvcache.Step{})
			b.ReportAllocs()
			for b.Loop() {
				d.read(b, token, kvcache.Step{})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tok/s")
			b.ReportMetric(filled.Seconds(), "prompt-s")
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

// BenchmarkTurns generates ten tokens at a time, by turns, with the full cache,
// with SnapKV and with Recycled, so that a machine whose speed changes from
// minute to minute slows all down alike. A full step of Recycled is one of ten.
func BenchmarkTurns(b *testing.B) {
	m := benchWeights(b)
	const tokens = 10
	token := []int32{1}
	turns := []struct {
		name string
		p    kvcache.Policy
		d    *deep
		took time.Duration
	}{
		{name: "none"},
		{name: "SnapKV", p: policy.SnapKV{Budget: 1024}},
		{name: "Recycled", p: policy.Recycled{TopK: 1024}},
		{name: "Recycled-SnapKV", p: policy.Recycled{Over: policy.SnapKV{Budget: 4096}, TopK: 1024}},
	}
	for i := range turns {
		turns[i].d = newDeep(b, m, kvcache.Config{Policy: turns[i].p}, 16384)
		turns[i].d.read(b, token, kvcache.Step{})
	}
	for b.Loop() {
		for i := range turns {
			start := time.Now()
			for range tokens {
				turns[i].d.read(b, token, kvcache.Step{})
			}
			turns[i].took += time.Since(start)
		}
	}
	for _, t := range turns {
		b.ReportMetric(float64(b.N*tokens)/t.took.Seconds(), t.name+"-tok/s")
	}
}
