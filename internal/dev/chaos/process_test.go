package chaos_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

// process is one process of the program, started again under the same name and address.
type process struct {
	name, base string
	program    string
	args       []string
	dir        string // its data directory
	clock      string // the file that says by how many seconds its clock is off
	env        []string
	log        ledgertest.Output

	child *ledgertest.Child // nil: not started yet
}

func buildProgram(t testing.TB, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledgerboard")
	out, err := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{"github.com/ledgerboard/ledgerboard/cmd/ledgerboard"})...).
		CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

func newProcess(t testing.TB, program, name string, env ...string) *process {
	t.Helper()
	addr := ledgertest.FreeAddress(t)
	p := &process{name: name, base: "http://" + addr, program: program, args: []string{"serve"}, dir: t.TempDir(), clock: filepath.Join(t.TempDir(), "clock")}
	p.env = slices.Concat(ledgertest.Environ(), env, []string{"LEDGERBOARD_ADDR=" + addr, "LEDGERBOARD_DATA_DIR=" + p.dir, clockVariable + "=" + p.clock})
	t.Cleanup(func() {
		if p.child.Running() {
			_ = p.signal(syscall.SIGCONT)
			if err := p.end(); err != nil {
				t.Error(err)
				_ = p.kill()
			}
		}
		if t.Failed() {
			t.Logf("--- %s, its last lines\n%s", p.name, p.log.Tail())
		}
	})
	return p
}

// start starts it, again if it has ended.
func (p *process) start() (err error) {
	cmd := exec.Command(p.program, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &p.log, &p.log
	if p.child, err = ledgertest.Start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

func (p *process) signal(with syscall.Signal) error { return p.child.Process.Signal(with) }

func (p *process) kill() error { return p.endBy(syscall.SIGKILL) }
func (p *process) end() error  { return p.endBy(syscall.SIGTERM) }

// endBy returns when the process is gone.
func (p *process) endBy(with syscall.Signal) error {
	if !p.child.Running() {
		return errors.New(p.name + " has ended by itself:\n" + p.log.Tail())
	}
	if err := p.signal(with); err != nil {
		return err
	}
	if _, err := p.child.Await(patience); err != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, err, p.log.Tail())
	}
	return nil
}

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
