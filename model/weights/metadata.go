package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The types of metadata values, under the file's numbers.
const (
	kindU8 = iota
	kindI8
	kindU16
	kindI16
	kindU32
	kindI32
	kindF32
	kindBool
	kindString
	kindArray
	kindU64
	kindI64
	kindF64
)

var (
	u8  = number(1, func(b []byte) uint8 { return b[0] })
	i8  = number(1, func(b []byte) int8 { return int8(b[0]) })
	u16 = number(2, binary.LittleEndian.Uint16)
	i16 = number(2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) })
	i32 = number(4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
	i64 = number(8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	f32 = number(4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	f64 = number(8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
)

func boolean(d *decoder) (bool, error) {
	b, err := u8(d)
	if err == nil && b > 1 {
		err = fmt.Errorf("a bool of %d, want 0 or 1", b)
	}
	return b == 1, err
}

func text(d *decoder) (string, error) {
	return d.text(maxItems)
}

// pair reads a key and its value.
func (d *decoder) pair() (key string, value any, err error) {
	key, err = d.text(maxKeyLen)
	if err != nil {
		return "", nil, err
	}
	if key == "" {
		return "", nil, errors.New("the key is empty")
	}
	kind, err := u32(d)
	if err == nil {
		value, err = d.value(kind, 0)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%q: %w", key, err)
	}
	return key, value, nil
}

// value reads a value of the given kind, below depth arrays.
func (d *decoder) value(kind uint32, depth int) (any, error) {
	switch kind {
	case kindU8:
		return u8(d)
	case kindI8:
		return i8(d)
	case kindU16:
		return u16(d)
	case kindI16:
		return i16(d)
	case kindU32:
		return u32(d)
	case kindI32:
		return i32(d)
	case kindF32:
		return f32(d)
	case kindBool:
		return boolean(d)
	case kindString:
		return text(d)
	case kindArray:
		return d.array(depth + 1)
	case kindU64:
		return u64(d)
	case kindI64:
		return i64(d)
	case kindF64:
		return f64(d)
	}
	return nil, fmt.Errorf("unknown value type %d", kind)
}

// array reads an array into a slice of its values' type.
func (d *decoder) array(depth int) (any, error) {
	if depth > maxArrayDepth {
		return nil, fmt.Errorf("arrays nested deeper than %d", maxArrayDepth)
	}
	kind, err := u32(d)
	if err != nil {
		return nil, err
	}
	switch kind {
	case kindU8:
		return list(d, 1, u8)
	case kindI8:
		return list(d, 1, i8)
	case kindU16:
		return list(d, 2, u16)
	case kindI16:
		return list(d, 2, i16)
	case kindU32:
		return list(d, 4, u32)
	case kindI32:
		return list(d, 4, i32)
	case kindF32:
		return list(d, 4, f32)
	case kindBool:
		return list(d, 1, boolean)
	case kindString:
		return list(d, 8, text)
	case kindArray:
		return list(d, 12, func(d *decoder) (any, error) { return d.array(depth + 1) })
	case kindU64:
		return list(d, 8, u64)
	case kindI64:
		return list(d, 8, i64)
	case kindF64:
		return list(d, 8, f64)
	}
	return nil, fmt.Errorf("unknown type %d of the values of an array", kind)
}

// list reads a count and as many values, each of at least width bytes.
func list[T any](d *decoder, width uint64, read func(*decoder) (T, error)) ([]T, error) {
	n, err := u64(d)
	if err != nil {
		return nil, err
	}
	if left := uint64(d.size - d.off); n > left/width {
		return nil, fmt.Errorf("an array of %d values, more than the %d bytes left of the file hold", n, left)
	}
	if n > maxItems {
		return nil, fmt.Errorf("an array of %d values, want at most %d", n, maxItems)
	}
	values := make([]T, n)
	for i := range values {
		if values[i], err = read(d); err != nil {
			return nil, fmt.Errorf("value %d of %d: %w", i, n, err)
		}
	}
	return values, nil
}
