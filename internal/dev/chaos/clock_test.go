package chaos_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clockVariable names the file that says by how many seconds the clock of a process is off.
const clockVariable = "LEDGERBOARD_CHAOS_CLOCK"

// steppedClock lets package time's wall clock step, not its spans. Now only adds: it must not wait.
const steppedClock = `package time

import (
	"sync/atomic"
	"syscall"
)

var chaosSeconds atomic.Int64

func init() {
	path, set := syscall.Getenv("` + clockVariable + `")
	if !set {
		return
	}
	go func() {
		for ; ; Sleep(50 * Millisecond) {
			file, err := open(path)
			if err != nil {
				continue
			}
			var text [16]byte
			n, _ := read(file, text[:])
			closefd(file)
			sign, seconds := int64(1), int64(0)
			for _, c := range text[:max(n, 0)] {
				if c == '-' {
					sign = -1
				} else {
					seconds = seconds*10 + int64(c-'0')
				}
			}
			chaosSeconds.Store(sign * seconds)
		}
	}()
}
`

// clockOverlay has the go command build with a package time whose clock can be stepped.
func clockOverlay(t testing.TB) (flag string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	at := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(at, "time.go"))
	require.NoError(t, err)
	const reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	require.Equal(t, 1, strings.Count(string(source), reads), "package time of this Go reads the clock in another way: see clockOverlay")
	dir := t.TempDir()
	replaced := map[string]string{}
	for name, text := range map[string]string{
		"time.go":  strings.Replace(string(source), reads, reads+"\tsec += chaosSeconds.Load()\n", 1),
		"chaos.go": steppedClock,
	} {
		replaced[filepath.Join(at, name)] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	path := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(path, overlay, 0o600))
	return "-overlay=" + path
}

// step puts the clock of a process off by a span from now on.
func (p *process) step(off time.Duration) error {
	next := p.clock + ".next"
	if err := os.WriteFile(next, []byte(strconv.Itoa(int(off.Seconds()))), 0o600); err != nil {
		return err
	}
	return os.Rename(next, p.clock)
}
