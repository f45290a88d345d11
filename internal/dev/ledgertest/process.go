package ledgertest

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Start starts a command in a process group of its own. On Linux the kernel kills it with this
// process. ended is closed after its end, and the command then has its state.
func Start(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = ofItsOwn()
	started, done := make(chan error), make(chan struct{})
	go func() { // the parent-death signal is sent when the forking thread ends, and Go ends threads at any time
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(done)
	}()
	return done, <-started
}

// Environ is the environment without settings of the service that a developer may have.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "LEDGERBOARD_") })
}

// Output is what a process or a logger has written. It is safe for concurrent use.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
