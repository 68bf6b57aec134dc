// Command gen writes the assembly of package vec and its Go declarations into the
// folder that is its argument.
package main

import (
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . FOLDER")
	}
	for _, f := range []struct {
		name  string
		lanes int
		write func(*asm)
	}{
		{"dot_avx2", 8, dotKernels},
		{"axpy_avx2", 8, axpyKernels},
		{"math_avx2", 8, mathKernels},
		{"softmax_avx2", 8, softmaxKernels},
		{"half_avx2", 8, halfKernels},
		{"quantize_avx2", 8, quantizeKernels},
		{"gemv_avx2", 8, gemvKernels},
		{"gemm_avx2", 8, gemmKernels},
		{"dot_avx512", 16, dotKernels},
		{"axpy_avx512", 16, axpyKernels},
		{"softmax_avx512", 16, softmaxKernels},
		{"gemv_avx512", 16, wideGemvKernels},
		{"gemm_avx512", 16, vnniKernels},
		{"unpack_avx512", 16, unpackKernels},
	} {
		a := &asm{build.NewContext(), f.lanes}
		a.ConstraintExpr("amd64,!noasm,!purego")
		f.write(a)
		emit(a, filepath.Join(os.Args[1], f.name+"_amd64"))
	}
}

func emit(a *asm, path string) {
	cfg := printer.Config{Name: "go generate", Pkg: "vec"}
	s, err := os.Create(path + ".s")
	check(err)
	stubs, err := os.Create(path + ".go")
	check(err)
	if build.Main(&build.Config{ErrOut: os.Stderr, Passes: []pass.Interface{
		pass.Compile,
		&pass.Output{Writer: s, Printer: printer.NewGoAsm(cfg)},
		&pass.Output{Writer: io.WriteCloser(stubs), Printer: printer.NewStubs(cfg)},
	}}, a.Context) != 0 {
		log.Fatalf("%s was not generated", path)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
