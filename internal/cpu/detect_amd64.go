//go:build !noasm && !purego

package cpu

import "golang.org/x/sys/cpu"

func detect() Level {
	x := &cpu.X86
	if !(x.HasAVX && x.HasAVX2 && x.HasFMA && x.HasF16C) {
		return Go
	}
	// Each is asked for: masking one of them, as GODEBUG can, leaves the others set.
	if !(x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI) {
		return AVX2
	}
	return AVX512
}
