package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/winnowlm/winnow/kvcache"
)

// Size is a flag that holds a number of bytes, such as "64M".
type Size int64

func (s *Size) String() string {
	if *s == 0 {
		return ""
	}
	return Bytes(int64(*s))
}

// Set parses a number above 0, of bytes or with K, M or G behind it.
func (s *Size) Set(text string) error {
	number, shift := text, 0
	if i := strings.IndexAny("KMG", text[max(0, len(text)-1):]); i >= 0 && text != "" {
		number, shift = text[:len(text)-1], 10*(i+1)
	}
	x, err := strconv.ParseFloat(number, 64)
	if x = math.Ldexp(x, shift); err != nil || !(x >= 1 && x < 1<<50) {
		return fmt.Errorf("%q is no size, such as 65536, 64K, 1.5M or 2G", text)
	}
	*s = Size(x)
	return nil
}

// Ranges is a flag that holds positions, such as "0:32,100:120", of which the
// last is not included.
type Ranges []kvcache.Range

func (l *Ranges) String() string {
	words := make([]string, len(*l))
	for i, r := range *l {
		words[i] = fmt.Sprintf("%d:%d", r.From, r.To)
	}
	return strings.Join(words, ",")
}

// Set parses ranges with commas between them.
func (l *Ranges) Set(text string) error {
	*l = nil
	for _, word := range strings.Split(text, ",") {
		from, to, _ := strings.Cut(word, ":")
		lo, err := strconv.ParseUint(strings.TrimSpace(from), 10, 31)
		hi, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 31)
		if err != nil || err2 != nil || lo >= hi {
			return fmt.Errorf("%q are no positions, such as 0:32 for the first 32", word)
		}
		*l = append(*l, kvcache.Range{From: int32(lo), To: int32(hi)})
	}
	return nil
}
