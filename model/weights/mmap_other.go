//go:build !unix && !windows

package weights

import (
	"errors"
	"os"
)

// mapFile fails where there is no mapping; the file is then read instead.
func mapFile(*os.File, int64) (data []byte, unmap func() error, err error) {
	return nil, nil, errors.ErrUnsupported
}
