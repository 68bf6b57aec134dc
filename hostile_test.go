package winnow_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/refdata"
	"github.com/winnowlm/winnow/kvcache"
)

// Files made to break whoever loads a whole model: those whose verdict hangs on
// hyperparameters or vocabulary. What is accepted must also run.
func TestHostileModels(t *testing.T) {
	data, err := os.ReadFile(refdata.Data(t, "hostile", "expect.json"))
	require.NoError(t, err)
	var expect struct {
		Files []struct {
			File, Expect, Why string
			Size              int64
		}
	}
	require.NoError(t, json.Unmarshal(data, &expect))
	// Decided here where either verdict is defensible: these load.
	accepted := map[string]bool{
		"m_ctx_2e32m1": true, "v_bos_max": true, "v_bpe_merge_unknown": true, "v_bpe_no_merges": false,
	}
	n := 0
	for _, f := range expect.Files {
		name := strings.TrimSuffix(filepath.Base(f.File), ".gguf")
		if !strings.HasPrefix(f.File, "gguf/") || !strings.Contains("mvc", name[:1]) {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := winnow.Load(refdata.Data(t, "hostile", f.File), winnow.Options{Threads: 1})
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*f.Size+1<<20), "allocation")
			t.Logf("%s (%s): %v", f.Expect, f.Why, err)
			switch f.Expect {
			case "accept":
				require.NoError(t, err)
			case "reject":
				require.Error(t, err)
			}
			if want, decided := accepted[name]; decided {
				require.Equal(t, want, err == nil, "%v", err)
			}
			if err != nil {
				return
			}
			defer m.Close()
			s, err := m.NewSession(kvcache.Config{})
			require.NoError(t, err)
			for _, err := range s.Generate(t.Context(), "some text é 🙂 to read", winnow.GenerateOptions{MaxTokens: 4}) {
				if err != nil && !errors.Is(err, winnow.ErrContextFull) {
					require.ErrorContains(t, err, "winnow: ")
				}
			}
		})
	}
	require.NotZero(t, n)
}
