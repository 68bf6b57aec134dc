package winnow_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/internal/testmodel"
	"github.com/winnowlm/winnow/kvcache"
	"github.com/winnowlm/winnow/kvcache/policy"
	"github.com/winnowlm/winnow/quant"
	"github.com/winnowlm/winnow/tokenizer"
)

// A long prompt is read, what the cache keeps of it is bounded, and the model
// writes on. The model here has random weights; Load opens a real file.
func Example() {
	m, err := randomModel()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(kvcache.Config{Policy: policy.SnapKV{Budget: 128}})
	if err != nil {
		log.Fatal(err)
	}
	document := strings.Repeat("A sentence of a long document. ", 20)
	var answer strings.Builder
	for token, err := range s.Generate(context.Background(), document+"And a question?", winnow.GenerateOptions{MaxTokens: 20}) {
		if err != nil {
			log.Fatal(err)
		}
		answer.WriteString(token.Text) // or print it as it comes
	}
	read := s.Stats().PromptTokens
	fmt.Println(read, "tokens read,", len(s.Tokens())-read, "written,", s.Cache().Rows(), "rows kept")
	// Output: 635 tokens read, 20 written, 147 rows kept
}

// Two continuations of one prompt share its cache.
func ExampleSession_Fork() {
	m, err := randomModel()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(kvcache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Append(context.Background(), m.Tokenizer().Encode("A common beginning", tokenizer.EncodeOptions{}), winnow.AppendOptions{}); err != nil {
		log.Fatal(err)
	}
	for _, end := range []string{" and one end", " and another end"} {
		f := s.Fork()
		for _, err := range f.Generate(context.Background(), end, winnow.GenerateOptions{MaxTokens: 5}) {
			if err != nil {
				log.Fatal(err)
			}
		}
		fmt.Println(f.Stats().PromptTokens, "tokens read of", len(f.Tokens())-5)
	}
	// Output:
	// 12 tokens read of 30
	// 15 tokens read of 33
}

// A session is saved to a file, or here to memory, and goes on later.
func ExampleModel_LoadSession() {
	m, err := randomModel()
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(kvcache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Append(context.Background(), []int32{1, 2, 3}, winnow.AppendOptions{}); err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := s.Save(&file); err != nil {
		log.Fatal(err)
	}
	loaded, err := m.LoadSession(&file, kvcache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(loaded.Tokens())
	// Output: [1 2 3]
}

func randomModel() (*winnow.Model, error) {
	file, err := testmodel.GGUF(testmodel.Tiny(4), quant.Q8_0, 1)
	if err != nil {
		return nil, err
	}
	return winnow.LoadReaderAt(bytes.NewReader(file), int64(len(file)), winnow.Options{})
}
