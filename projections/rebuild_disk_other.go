//go:build !linux

package projections

// freeBytes is not asked for on this system.
func freeBytes(string) (free uint64, known bool) { return 0, false }
