// Package policy holds the methods that decide which cached rows survive, one
// file each, written with nothing but what package kvcache exports.
//
//	Window   first and last rows: StreamingLLM (Xiao et al. 2023), and the windows others compare with
//	SnapKV   what the end of the prompt attends to (Li et al. 2024)
//
// A nil kvcache.Policy keeps everything. Budgets are rows per KV head and
// layer, and exact.
package policy
