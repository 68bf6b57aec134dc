package tokenizer

import "unicode/utf8"

// byteLevel is GPT-2's alphabet: every byte is written as a printable
// character, so that a vocabulary can be text.
type byteLevel struct {
	char [256]rune
	byte map[rune]byte
}

func newByteLevel() *byteLevel {
	b := &byteLevel{byte: make(map[rune]byte, 256)}
	next := rune(256)
	for i := range rune(256) {
		c := i
		if i < '!' || i > '~' && i < '¡' || i == '\u00ad' {
			c = next
			next++
		}
		b.char[i] = c
		b.byte[c] = byte(i)
	}
	return b
}

// appendBytes adds the bytes that a text of the alphabet stands for to dst; ok
// is false, and what was added is of no use, where it has other characters.
func (b *byteLevel) appendBytes(dst []byte, text string) (_ []byte, ok bool) {
	for _, r := range text {
		if r < utf8.RuneSelf && r > ' ' && r < 0x7f {
			dst = append(dst, byte(r))
			continue
		}
		c, ok := b.byte[r]
		if !ok {
			return dst, false
		}
		dst = append(dst, c)
	}
	return dst, true
}
