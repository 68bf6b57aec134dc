//go:build !amd64 || noasm || purego

package vec

func levels(dst []float32, src []byte, c Code, next []byte) { levelsGo(dst, src, c) }

func groups(dst []float32, src []byte, c Code, width int, next []byte) { groupsGo(dst, src, c, width) }

func look(dst *[32]byte, src *[16]byte, levels *[16]int8) { lookGo(dst, src, levels) }
