package projections

import "syscall"

// freeBytes is what this process may still write below a directory.
func freeBytes(directory string) (free uint64, known bool) {
	var of syscall.Statfs_t
	// A file system without blocks is none of a disk: a server that works in an open descriptor says /proc/….
	if err := syscall.Statfs(directory, &of); err != nil || of.Blocks == 0 {
		return 0, false
	}
	return of.Bavail * uint64(of.Bsize), true
}
