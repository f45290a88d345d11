package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command describes a child that runs as an account. Directories that the account cannot reach by path are handed over
// as open descriptors.
type command struct {
	acct  account
	name  string
	args  []string
	files []*os.File
}

// pathArg returns path as the child can use it. Following /proc/self/fd/N jumps to the open directory without passing
// through its parents, and every process of the server inherits the descriptor.
func (c *command) pathArg(path string) (string, error) {
	if c.acct.reaches(path) {
		return path, nil
	}
	if !descriptorPaths {
		return "", fmt.Errorf("user id %d cannot reach %s and PostgreSQL refuses to run as root: "+
			"choose a data directory that others may pass through, or start as an ordinary user", c.acct.uid, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", path, err)
	}
	c.files = append(c.files, file)
	return "/proc/self/fd/" + strconv.Itoa(2+len(c.files)), nil
}

// process is a child. Its goroutine owns an OS thread until the child has ended: the parent-death signal fires when the
// forking *thread* dies, and the Go runtime ends threads at will.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait, readable once exited is closed
}

// startLogged is start with the output in a file, made anew.
func (c *command) startLogged(path string, death syscall.Signal) (*process, error) {
	out, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create start log: %w", err)
	}
	defer out.Close()
	return c.start(out, death)
}

// start runs the child in a session of its own, so that Ctrl-C on the terminal reaches us alone. Output goes to out.
// death is the signal that the child gets when we die, 0 for none (on Linux only).
func (c *command) start(out *os.File, death syscall.Signal) (*process, error) {
	cmd := exec.Command(c.name, c.args...)
	cmd.Dir = "/" // the caller's may be out of the account's reach
	cmd.Env = serverEnv(os.Environ())
	if out != nil {
		cmd.Stdout, cmd.Stderr = out, out
	}
	cmd.ExtraFiles = c.files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.acct.credential()}
	setDeathSignal(cmd.SysProcAttr, death)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	err := <-started
	for _, file := range c.files {
		file.Close()
	}
	if errors.Is(err, syscall.EPERM) && c.acct.drop {
		return nil, fmt.Errorf("run %s as user id %d: %w: this root may not change its user id "+
			"(a container without CAP_SETUID and CAP_SETGID?): start as an ordinary user", c.name, c.acct.uid, err)
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", c.name, err)
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// signal ignores the error: the one there can be is that the process has ended.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// signalGroup reaches the child's own children too, as initdb's.
func (p *process) signalGroup(sig syscall.Signal) { _ = syscall.Kill(-p.pid(), sig) }

func (p *process) hasEnded() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *process) endsWithin(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// serverEnv drops what would change the server's behaviour behind our back: PGDATA, PGPORT, …, and the locale.
func serverEnv(env []string) []string {
	kept := []string{"LC_ALL=C"}
	for _, entry := range env {
		if !strings.HasPrefix(entry, "PG") && !strings.HasPrefix(entry, "LC_") && !strings.HasPrefix(entry, "LANG") {
			kept = append(kept, entry)
		}
	}
	return kept
}
