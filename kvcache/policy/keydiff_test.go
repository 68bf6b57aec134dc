package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Of keys that all but point one way those that do not stay, however long, and
// the protected rows; a key of zeros is no different from any.
func TestKeyDiffKeepsWhatDiffers(t *testing.T) {
	k := make([]float32, 0, 40)
	for j := range 20 {
		switch j {
		case 6:
			k = append(k, 0, 1)
		case 13:
			k = append(k, -0.001, 0)
		case 9:
			k = append(k, 0, 0)
		default:
			k = append(k, 3, 0.1)
		}
	}
	for _, c := range []struct {
		p    KeyDiff
		want []int32
	}{
		{KeyDiff{Budget: 1}, []int32{13}},
		{KeyDiff{Budget: 3}, []int32{6, 9, 13}},
		{KeyDiff{Budget: 5}, []int32{0, 1, 6, 9, 13}},
		{KeyDiff{Budget: 5, Sink: 2, Recent: 1}, []int32{0, 1, 9, 13, 19}},
		{KeyDiff{Budget: 3, Sink: 1, Recent: 2}, []int32{0, 18, 19}},
	} {
		l := newLayer(t, 1, 1, 2, c.p)
		l.step(true, k, k, k)
		require.Equal(t, c.want, l.kept()[0], "%+v", c.p)
		l.step(false, k[:2], k[:2], k[:2])
		require.Equal(t, append(c.want, 20), l.kept()[0], "what is generated stays")
	}
}
