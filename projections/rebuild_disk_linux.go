package projections

import "syscall"

// freeBytes is what this process may still write below a directory.
func freeBytes(directory string) (free uint64, known bool) {
	var of syscall.Statfs_t
	if err := syscall.Statfs(directory, &of); err != nil {
		return 0, false
	}
	return of.Bavail * uint64(of.Bsize), true
}
