package weights

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// scanner reads JSON that is known to be well formed, value after value; rest
// is what it has not read. What it reads must be in an object, as all is in a
// safetensors header.
type scanner struct{ rest []byte }

// peek skips blanks and returns the next byte.
func (j *scanner) peek() byte {
	j.rest = bytes.TrimLeft(j.rest, " \t\r\n")
	return j.rest[0]
}

// want reads a byte, or says what there is instead.
func (j *scanner) want(c byte) error {
	if have := j.peek(); have != c {
		return fmt.Errorf("want %q, have %q", c, have)
	}
	j.rest = j.rest[1:]
	return nil
}

// object reads an object, the values through value, which is given the key.
func (j *scanner) object(value func(key string) error) error {
	if err := j.want('{'); err != nil {
		return err
	}
	for j.peek() != '}' {
		key, err := j.text()
		if err != nil {
			return err
		}
		if err := j.want(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		if j.peek() == ',' {
			j.rest = j.rest[1:]
		}
	}
	return j.want('}')
}

// text reads a string.
func (j *scanner) text() (string, error) {
	if have := j.peek(); have != '"' {
		return "", fmt.Errorf("want a string, have %q", have)
	}
	quoted := j.value()
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err
}

// counts reads an array of whole numbers below 2^bits.
func (j *scanner) counts(bits int) ([]int64, error) {
	if have := j.peek(); have != '[' {
		return nil, fmt.Errorf("want an array, have %q", have)
	}
	list := j.value()
	list = bytes.TrimSpace(list[1 : len(list)-1])
	if len(list) == 0 {
		return []int64{}, nil
	}
	counts := make([]int64, 0, 1+bytes.Count(list, []byte(",")))
	for item := range bytes.SplitSeq(list, []byte(",")) {
		n, err := strconv.ParseUint(string(bytes.TrimSpace(item)), 10, bits)
		if err != nil {
			return nil, err
		}
		counts = append(counts, int64(n))
	}
	return counts, nil
}

// value reads any value and returns its text. What follows a value in an object
// or array is never a part of it.
func (j *scanner) value() []byte {
	j.peek()
	depth, inside := 0, false
	for i := 0; ; i++ {
		switch c := j.rest[i]; {
		case inside && c == '\\':
			i++ // what is escaped may be a quote
			continue
		case c == '"':
			inside = !inside
		case inside:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !inside && strings.IndexByte(",:]} \t\r\n", j.rest[i+1]) >= 0 {
			value := j.rest[:i+1]
			j.rest = j.rest[i+1:]
			return value
		}
	}
}
