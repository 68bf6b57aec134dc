package kvcache

// workspace is memory for what lasts from the beginning of a tile to its end:
// the picks of the view and what the policy needs.
type workspace struct {
	ints   arena[int32]
	floats arena[float32]
}

func (w *workspace) reset() {
	w.ints.mem, w.floats.mem = w.ints.mem[:0], w.floats.mem[:0]
}

type arena[T any] struct{ mem []T }

// take returns n values of the arena, which grows by fresh memory so that
// earlier slices stay valid.
func (a *arena[T]) take(n int) []T {
	if len(a.mem)+n > cap(a.mem) {
		a.mem = make([]T, 0, max(1024, 2*cap(a.mem), n))
	}
	at := len(a.mem)
	a.mem = a.mem[:at+n]
	return a.mem[at : at+n : at+n]
}
