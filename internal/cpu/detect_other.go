//go:build !amd64 || noasm || purego

package cpu

func detect() Level { return Go }
