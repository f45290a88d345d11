//go:build e2e

package e2e_test

import (
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// startOwned starts a command whose parent-death signal must not fire early: it does when the forking
// thread ends, not the process, and Go ends threads at will. So a goroutine owns its thread until the
// command has ended; then it calls ended.
func startOwned(t *testing.T, cmd *exec.Cmd, ended func(code int)) {
	t.Helper()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended(exitCode(cmd.Wait()))
		}
	}()
	require.NoError(t, <-started)
}
