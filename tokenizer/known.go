package tokenizer

// endOfGeneration yields the token texts that llama.cpp takes for the end of a
// generation, has telling which texts the vocabulary holds.
func endOfGeneration(has func(string) bool) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, text := range []string{
			"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
			"<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
			"<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "[e~[", "<｜end▁of▁sentence｜>",
		} {
			if text == "<|end|>" && endsByOthers(has) || text == "</s>" && has("<|tool_response>") {
				continue
			}
			if !yield(text) {
				return
			}
		}
	}
}

// endsByOthers reports a vocabulary in which <|end|> ends a message, not the
// generation.
func endsByOthers(has func(string) bool) bool {
	return has("<|return|>") && has("<|call|>") || has("<|calls|>") && has("<|flush|>")
}

// alwaysShown are control tokens that llama.cpp renders.
var alwaysShown = []string{"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}

// infill are the tokens for filling in the middle: the keys below
// tokenizer.ggml that name one, or the texts by which it is known.
var infill = []struct {
	keys  []string
	texts []string
	ends  bool
}{
	{[]string{"fim_pre_token_id", "prefix_token_id"}, []string{"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"}, false},
	{[]string{"fim_suf_token_id", "suffix_token_id"}, []string{"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"}, false},
	{[]string{"fim_mid_token_id", "middle_token_id"}, []string{"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"}, false},
	{[]string{"fim_pad_token_id"}, []string{"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}, true},
	{[]string{"fim_rep_token_id"}, []string{"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}, true},
	{[]string{"fim_sep_token_id"}, []string{"<|file_sep|>"}, true},
}
