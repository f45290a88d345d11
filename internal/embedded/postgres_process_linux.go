package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// descriptorPaths: /proc/self/fd/N leads to an open directory.
const descriptorPaths = true

func setDeathSignal(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }

// serverProcesses returns the pids of all PostgreSQL processes that work in the data directory. Each of them has it as
// its working directory, so this also finds the children of a killed postmaster, which no pid file names.
func serverProcesses(data string) []int {
	want, err := os.Stat(data)
	if err != nil {
		return nil
	}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		cwd, err := os.Stat(filepath.Join(entry, "cwd"))
		if err != nil || !os.SameFile(cwd, want) {
			continue
		}
		comm := readLine(filepath.Join(entry, "comm"))
		pid, err := strconv.Atoi(filepath.Base(entry))
		if err == nil && (strings.HasPrefix(comm, "postgres") || strings.HasPrefix(comm, "postmaster")) {
			pids = append(pids, pid)
		}
	}
	return pids
}
