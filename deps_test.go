package winnow_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/winnowlm/winnow"

// allowed lists, for each package, what it may import of this module. Imports
// point one way; examples and test support may import anything.
var allowed = map[string][]string{
	"internal/cpu":              {},
	"internal/par":              {},
	"internal/race":             {},
	"internal/vec":              {"internal/cpu"},
	"quant":                     {"internal/vec"},
	"attention":                 {"internal/vec", "quant"},
	"kvcache":                   {"attention", "quant"},
	"kvcache/policy":            {"attention", "kvcache", "quant"},
	"model/weights":             {},
	"model":                     {"attention", "internal/par", "internal/vec", "model/weights", "quant"},
	"sample":                    {},
	"tokenizer":                 {},
	"internal/refdata":          {},
	"internal/testmodel":        {"model", "model/weights", "quant"},
	"kvcache/policy/policytest": {"internal/par", "internal/race", "internal/testmodel", "kvcache", "model", "model/weights", "quant"},
	"eval":                      {"", "kvcache", "tokenizer"},
	"calibrate":                 {"attention", "internal/par", "internal/vec", "kvcache", "model", "model/weights", "quant"},
	"pocket":                    {""},
	"":                          {"internal/par", "kvcache", "model", "model/weights", "quant", "sample", "tokenizer"},
}

// modules lists what the library may import from elsewhere, besides the
// standard library.
var modules = []string{"golang.org/x/sys", "golang.org/x/text", "github.com/klauspost/cpuid/v2", "github.com/x448/float16"}

// offline lists what calibrate alone may import besides, so that programs that
// only run models do not carry it.
var offline = []string{"gorgonia.org/tensor", "gonum.org/v1/gonum"}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Standard", "./...").Output()
	require.NoError(t, err)
	dec := json.NewDecoder(strings.NewReader(string(out)))
	seen := 0
	for dec.More() {
		var p struct {
			ImportPath string
			Imports    []string
		}
		require.NoError(t, dec.Decode(&p))
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if strings.HasPrefix(name, "examples/") {
			continue
		}
		may, known := allowed[name]
		require.True(t, known, "package %q is new: say in deps_test.go what it may import", name)
		seen++
		for _, imp := range p.Imports {
			if imp == module || strings.HasPrefix(imp, module+"/") {
				local := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
				require.Contains(t, may, local, "%q must not import %q", name, local)
			} else if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") && !strings.HasSuffix(name, "policytest") {
				from := modules
				if name == "calibrate" {
					from = slices.Concat(modules, offline)
				}
				require.True(t, slices.ContainsFunc(from, func(m string) bool { return imp == m || strings.HasPrefix(imp, m+"/") }),
					"%q must not import %q", name, imp)
			}
		}
	}
	require.Equal(t, len(allowed), seen)
}
