package embedded

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// serverAccount returns the account that the server runs as. nil means the account of this process.
// If that is root, with which PostgreSQL refuses to run, the account is postgres or nobody.
func serverAccount() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	entry, err := user.Lookup("postgres")
	if err != nil {
		return nobody
	}
	uid, uidErr := strconv.ParseUint(entry.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(entry.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		return nobody
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// run starts a server program with a new log file, under the server's account and in a session of
// its own, so that Ctrl-C in the terminal reaches only this process. If the account differs from
// that of this process, absolute paths are passed as open descriptors on Linux, because the account
// may not be able to open root's directories. Canceling the context kills the program and its
// children.
func (p *Postgres) run(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(p.path("postgres.log"))
	if err != nil {
		return nil, fmt.Errorf("create log of the server: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(p.programs.dir, program))
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	for _, arg := range args {
		if p.account != nil && runtime.GOOS == "linux" && filepath.IsAbs(arg) {
			file, err := os.Open(arg)
			if err != nil {
				return nil, fmt.Errorf("open for the server: %w", err)
			}
			defer file.Close()
			cmd.ExtraFiles = append(cmd.ExtraFiles, file)
			arg = fmt.Sprintf("/proc/self/fd/%d", 2+len(cmd.ExtraFiles))
		}
		cmd.Args = append(cmd.Args, arg)
	}
	cmd.Dir = "/" // the account may not have access to the current directory
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: p.account}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return cmd, nil
}

// guardScript keeps running if this process is killed. It reads from a pipe to which only this
// process can write: a line means that the server has exited, and end of file means that this
// process is dead.
const guardScript = `read line <&3 && exit
kill -INT "$1"
[ -z "$2" ] && exit
while kill -0 "$1" 2>/dev/null; do sleep 1; done
rm -rf "$2"`

// watch starts a shell that stops the server if this process is killed. When the server exits, it
// closes p.ended.
func (p *Postgres) watch(server *exec.Cmd) error {
	p.pid, p.ended = server.Process.Pid, make(chan struct{})
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("open pipe: %w", err)
	}
	temporary := ""
	if p.temporary {
		temporary = p.dir
	}
	guard := exec.Command("/bin/sh", "-c", guardScript, "ledgerboard-postgres-guard", strconv.Itoa(p.pid), temporary)
	guard.Dir, guard.ExtraFiles, guard.SysProcAttr = "/", []*os.File{reader}, &syscall.SysProcAttr{Setsid: true}
	guardErr := guard.Start()
	reader.Close()
	go func() {
		defer close(p.ended)
		_ = server.Wait()
		_, _ = io.WriteString(writer, "ended\n") // the guard must not signal a reused process id
		writer.Close()
		_ = guard.Wait()
	}()
	if guardErr != nil {
		return fmt.Errorf("run /bin/sh: %w", guardErr)
	}
	return nil
}

func (p *Postgres) logTail() string {
	lines := strings.Split(readLine(p.path("postgres.log")), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
