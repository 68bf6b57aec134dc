// Package policy holds the methods that decide which cached rows survive, one
// file each, written with nothing but what package kvcache exports.
//
//	Window   first and last rows: StreamingLLM (Xiao et al. 2023), and the windows others compare with
//	SnapKV   what the end of the prompt attends to (Li et al. 2024)
//	H2O      what gathered most attention so far (Zhang et al. 2023)
//	TOVA     what the last query attends to (Oren et al. 2024)
//	KeyDiff  rows whose keys differ most from the others (Park et al. 2025)
//	LagKV    rows that vary most as those after them see it (Liang et al. 2025)
//	CurDKV   rows with the largest leverage in keys and values (Sengupta et al. 2025)
//	NonCausalAttention  what draws attention from before and after (Chari and Van Durme 2025)
//	ExpectedAttention  what queries yet to come should attend to (NVIDIA kvpress 2025)
//	KVzip    what the model needs to repeat the text (Kim et al. 2025)
//	LookM    text before images, then what gathered most attention (Wan et al. 2024)
//	Random   rows drawn by lot, for comparison
//	Recycled everything stays, but most steps see a part: Recycled Attention, RefreshKV (Xu et al. 2024)
//
// Merge adds the rows that any of these drops from a prompt to those that stay
// (Wan et al. 2024). Four change another's choice, by default SnapKV's:
//
//	ChunkKV    whole chunks of rows stay or leave (Liu et al. 2025)
//	PyramidKV  more for the lower layers (Cai et al. 2024)
//	AdaKV      more for the heads with the larger scores (Feng et al. 2024)
//	CriticalKV weights scores by what rows add to the output (Feng et al. 2025)
//
// A nil kvcache.Policy keeps everything. Budgets are rows per KV head and
// layer, and exact but for what PyramidKV and AdaKV say about rounding.
package policy
