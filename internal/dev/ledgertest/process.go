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

	"github.com/stretchr/testify/require"
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

// String returns all that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
