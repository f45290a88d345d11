package ledgertest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Child is a process that this one has started.
type Child struct {
	*exec.Cmd

	Output Output          // unless the command had another place for it
	Ended  <-chan struct{} // closed after its end; the command then has its state
}

// Start starts a command in a process group of its own. On Linux the kernel kills it with this
// process.
func Start(cmd *exec.Cmd) (*Child, error) {
	started, done := make(chan error), make(chan struct{})
	c := &Child{Cmd: cmd, Ended: done}
	cmd.SysProcAttr = ofItsOwn()
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = &c.Output, &c.Output
	}
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
	return c, <-started
}

// Running tells whether it has started and not ended. Nil is not running.
func (c *Child) Running() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.Ended:
		return false
	default:
		return true
	}
}

// Await waits for its end and returns its exit code; -1: a signal ended it.
func (c *Child) Await(within time.Duration) (code int, err error) {
	select {
	case <-c.Ended:
		return c.ProcessState.ExitCode(), nil
	case <-time.After(within):
		return 0, fmt.Errorf("process %d still runs after %s", c.Process.Pid, within)
	}
}

// Environ is the environment without settings of the service that a developer may have.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "LEDGERBOARD_") })
}

var givenPorts sync.Map

// FreeAddress has a port below those that the kernel gives, which stays free between two starts. No
// other call of this process gets it.
func FreeAddress(t testing.TB) string {
	t.Helper()
	first, given := 20000, 0
	if raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(raw), &given)
	}
	const ports = 9000
	if below := given - ports; below > 1024 {
		first = min(first, below)
	}
	for range 200 {
		port := first + rand.IntN(ports)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		require.NoError(t, listener.Close())
		return listener.Addr().String()
	}
	require.FailNow(t, "no port is free")
	return ""
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

// Tail is the end of it, without the requests that were answered well.
func (o *Output) Tail() string {
	var kept strings.Builder
	for line := range strings.Lines(o.String()) {
		if !strings.Contains(line, "msg=request ") || !strings.Contains(line, " status=2") {
			kept.WriteString(line)
		}
	}
	const most = 4 << 10
	return kept.String()[max(0, kept.Len()-most):]
}

// String returns all that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
