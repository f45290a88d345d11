package chaos_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is one process of the program, started again under the same name and address.
type process struct {
	name, base string
	program    string
	args       []string
	dir        string // its data directory
	clock      string // the file that says by how many seconds its clock is off
	env        []string
	log        *os.File

	cmd    *exec.Cmd
	exited chan struct{}
}

func buildProgram(t testing.TB, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledgerboard")
	out, err := exec.Command("go", slices.Concat([]string{"build", "-o", path}, flags, []string{"github.com/ledgerboard/ledgerboard/cmd/ledgerboard"})...).
		CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

func newProcess(t testing.TB, program, name string, port int, env ...string) *process {
	t.Helper()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	require.NoError(t, err)
	p := &process{name: name, base: "http://" + addr, program: program, args: []string{"serve"}, dir: t.TempDir(), log: log, clock: filepath.Join(t.TempDir(), "clock")}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "LEDGERBOARD_") {
			p.env = append(p.env, pair)
		}
	}
	p.env = append(p.env, env...)
	p.env = append(p.env, "LEDGERBOARD_ADDR="+addr, "LEDGERBOARD_DATA_DIR="+p.dir, clockVariable+"="+p.clock)
	t.Cleanup(func() {
		if p.running() {
			_ = p.signal(syscall.SIGCONT)
			if err := p.end(); err != nil {
				t.Error(err)
				_ = p.kill()
			}
		}
		if t.Failed() {
			t.Logf("--- %s, its last lines\n%s", p.name, p.tail())
		}
		_ = log.Close()
	})
	return p
}

// start starts it. Its thread is kept for it: the kernel ends it with the thread that started it, and Go ends threads at will.
func (p *process) start() error {
	cmd, exited, started := exec.Command(p.program, p.args...), make(chan struct{}), make(chan error)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.exited = cmd, exited
	return nil
}

func (p *process) signal(with syscall.Signal) error { return p.cmd.Process.Signal(with) }

func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (p *process) kill() error { return p.endBy(syscall.SIGKILL) }
func (p *process) end() error  { return p.endBy(syscall.SIGTERM) }

// endBy returns when the process is gone.
func (p *process) endBy(with syscall.Signal) error {
	if !p.running() {
		return errors.New(p.name + " has ended by itself:\n" + p.tail())
	}
	if err := p.signal(with); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(patience):
		return errors.New(p.name + " does not stop:\n" + p.tail())
	}
}

// tail is the end of what it logged, requests left out.
func (p *process) tail() string {
	raw, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(string(raw), "\n"), func(line string) bool { return strings.Contains(line, "msg=request ") })
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
