// Package winnow runs transformer language models on the CPU and keeps only
// the part of the key/value cache that matters. It is pure Go: no cgo, one
// static binary, SIMD kernels where the processor has them.
//
// A Model is an opened file: GGUF, or safetensors in a Hugging Face folder. A
// Session is one sequence: it reads a prompt and writes on. How much of the
// prompt it remembers is its kvcache.Config, the zero value of which remembers
// everything:
//
//	m, err := winnow.Load("model.gguf", winnow.Options{})
//	…
//	s, err := m.NewSession(kvcache.Config{Policy: policy.SnapKV{Budget: 1024}})
//	…
//	for token, err := range s.Generate(ctx, document+question, winnow.GenerateOptions{MaxTokens: 100}) {
//		if err != nil {
//			return err
//		}
//		fmt.Print(token.Text)
//	}
//
// A Model serves any number of sessions at the same time; a Session belongs to
// one goroutine, and Fork makes another from it.
package winnow
