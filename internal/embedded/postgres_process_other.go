//go:build !linux

package embedded

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const descriptorPaths = false

// setDeathSignal does nothing: only Linux has one, the watchdog does the work elsewhere.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}

// serverProcesses returns the postmaster that the pid file names, when that process is a PostgreSQL server.
func serverProcesses(data string) []int {
	pid := postmasterPID(data)
	if pid == 0 {
		return nil
	}
	out, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || !strings.HasPrefix(filepath.Base(strings.TrimSpace(string(out))), "post") {
		return nil
	}
	return []int{pid}
}
