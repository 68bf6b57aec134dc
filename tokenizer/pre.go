package tokenizer

// A splitter is a pre-tokenizer: scanners applied one after the other, each to
// every piece that the one before it left.
type splitter []scanner

var (
	splitGPT2     = splitter{scanGPT2}
	splitLlama3   = splitter{scanLlama3}
	splitQwen2    = splitter{scanQwen2}
	splitSmolLM   = splitter{scanDigit, scanGPT2}
	splitDeepSeek = splitter{scanBreak, scanDeepWord, scanDeepPunct, scanTrailing, scanDeepHan, scanNumber}
	splitDefault  = splitter{scanSymbols, scanGPT2, scanNumber, scanThousands}
)

// preTokenizer is what a GGUF file's tokenizer.ggml.pre stands for.
type preTokenizer struct {
	split        splitter
	ignoreMerges bool
	addBOS       bool
	noBOS        bool // the default beginning-of-sequence token is none
}

// preByName knows the names that llama.cpp gives to one of the patterns here.
func preByName(name string) (preTokenizer, bool) {
	switch name {
	case "default":
		return preTokenizer{split: splitDefault}, true
	case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano":
		return preTokenizer{split: splitLlama3, ignoreMerges: true, addBOS: true}, true
	case "dbrx", "smaug-bpe":
		return preTokenizer{split: splitLlama3}, true
	case "glm4", "chatglm-bpe":
		return preTokenizer{split: splitLlama3, noBOS: true}, true
	case "deepseek-llm":
		return preTokenizer{split: splitDeepSeek}, true
	case "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
		"jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "exaone4", "trillion", "granite-docling":
		return preTokenizer{split: splitGPT2}, true
	case "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open":
		return preTokenizer{split: splitQwen2}, true
	case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b":
		return preTokenizer{split: splitSmolLM}, true
	}
	return preTokenizer{}, false
}
