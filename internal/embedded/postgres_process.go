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

// serverAccount returns the account that the server runs as. It is nil (the account of this
// process) except for root, which PostgreSQL refuses; then it is postgres or nobody.
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

// run starts a server program with a new log file, as the server's account and in its own session,
// so that Ctrl-C on the terminal reaches only this process. On Linux absolute paths are passed as
// open descriptors, because that account may not be able to open root's directories. Canceling the
// context kills the program and its children.
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
	cmd.Dir = "/" // the current directory may be closed to the account
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: p.account}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return cmd, nil
}

// guardScript outlives this process if it is killed. It reads from a pipe to which only this
// process can write: a line means that the server has exited, end of file that this process is
// dead.
const guardScript = `read line <&3 && exit
kill -INT "$1"
[ -z "$2" ] && exit
while kill -0 "$1" 2>/dev/null; do sleep 1; done
rm -rf "$2"`

// watch closes p.ended when the server exits, and starts a shell that stops the server if this
// process is killed.
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
		_, _ = io.WriteString(writer, "ended\n") // its process id may be reused
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
