//go:build !noasm && !purego

package cpu

import "golang.org/x/sys/cpu"

func detect() Level {
	if !cpu.ARM64.HasASIMD {
		return Go
	}
	if !cpu.ARM64.HasASIMDDP {
		return NEON
	}
	return DotProd
}
