// Package race tells whether the race detector runs.
package race

// Enabled tells whether the program was built with -race. Then allocations
// cannot be counted, since each sync.Pool forgets at random.
const Enabled = enabled
