// Package refdata finds the folders of reference data that tests read in place.
package refdata

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Data returns a path below the folder of models, tokenizers, texts and hostile
// files: WINNOW_DATA, or ../shared/data seen from the module root. It skips the
// test where the default is absent and fails it where a set folder is.
func Data(t testing.TB, elem ...string) string {
	return find(t, "WINNOW_DATA", filepath.Join("..", "shared", "data"), elem)
}

// Golden does the same for the vectors of cache policies: WINNOW_GOLDEN, or
// ../shared/golden.
func Golden(t testing.TB, elem ...string) string {
	return find(t, "WINNOW_GOLDEN", filepath.Join("..", "shared", "golden"), elem)
}

// Glob lists the files below Data or Golden that match a pattern, and fails the
// test when the folder is there and none does.
func Glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no file matches %s", pattern)
	}
	return files
}

func find(t testing.TB, env, fallback string, elem []string) string {
	t.Helper()
	dir, set := os.LookupEnv(env)
	if !set {
		_, self, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(self), "..", "..", fallback)
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	probe := path
	if len(elem) > 0 && hasMeta(elem[len(elem)-1]) {
		probe = filepath.Dir(path)
	}
	if _, err := os.Stat(probe); err != nil {
		if set {
			t.Fatalf("%s is set, but: %v", env, err)
		}
		t.Skipf("no reference data: %v (set %s)", err, env)
	}
	return path
}

func hasMeta(s string) bool {
	for _, c := range s {
		if c == '*' || c == '?' || c == '[' {
			return true
		}
	}
	return false
}
