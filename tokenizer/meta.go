package tokenizer

import (
	"fmt"
	"math"
	"reflect"
)

// meta reads the metadata of a GGUF file; a value of another type than its key
// has is an error.
type meta map[string]any

func (m meta) str(key string) (string, error) {
	switch v := m[key].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("tokenizer: %s: want a string, found %T", key, v)
	}
}

func (m meta) strs(key string) ([]string, error) {
	switch v := m[key].(type) {
	case nil:
		return nil, nil
	case []string:
		return v, nil
	default:
		return nil, fmt.Errorf("tokenizer: %s: want an array of strings, found %T", key, v)
	}
}

func (m meta) flag(key string, otherwise bool) (bool, error) {
	switch v := m[key].(type) {
	case nil:
		return otherwise, nil
	case bool:
		return v, nil
	default:
		return false, fmt.Errorf("tokenizer: %s: want a bool, found %T", key, v)
	}
}

// id reads a token id; some writers put all ones for none.
func (m meta) id(key string, otherwise int32, size int) (int32, error) {
	v, found := m[key]
	if !found {
		if int(otherwise) >= size {
			return noToken, nil
		}
		return otherwise, nil
	}
	var n int64
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n = r.Int()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n = int64(min(r.Uint(), math.MaxInt64))
	default:
		return 0, fmt.Errorf("tokenizer: %s: want an integer, found %T", key, v)
	}
	if n == -1 || n == math.MaxUint32 {
		return noToken, nil
	}
	if n < 0 || n >= int64(size) {
		return 0, fmt.Errorf("tokenizer: %s: want an id below %d, found %d", key, size, n)
	}
	return int32(n), nil
}

// types reads the kinds of the tokens, nil where the file has none.
func (m meta) types(size int) ([]int32, error) {
	const key = "tokenizer.ggml.token_type"
	var types []int32
	switch v := m[key].(type) {
	case nil:
		return nil, nil
	case []int32:
		types = v
	case []uint32:
		types = make([]int32, len(v))
		for i, k := range v {
			types[i] = int32(min(k, math.MaxInt32))
		}
	default:
		return nil, fmt.Errorf("tokenizer: %s: want an array of int32, found %T", key, v)
	}
	if len(types) != size {
		return nil, fmt.Errorf("tokenizer: %s: want %d, found %d", key, size, len(types))
	}
	return types, nil
}

// scores reads the scores of the tokens, nil where the file has none.
func (m meta) scores(size int) ([]float32, error) {
	const key = "tokenizer.ggml.scores"
	switch v := m[key].(type) {
	case nil:
		return nil, nil
	case []float32:
		if len(v) != size {
			return nil, fmt.Errorf("tokenizer: %s: want %d, found %d", key, size, len(v))
		}
		for id, s := range v {
			if s != s {
				return nil, fmt.Errorf("tokenizer: %s: want a number, found NaN for token %d", key, id)
			}
		}
		return v, nil
	default:
		return nil, fmt.Errorf("tokenizer: %s: want an array of float32, found %T", key, v)
	}
}
