package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// Pooler starts PgBouncer in front of the server of this test process, and returns the URL of the
// database through it. Each user gets at most size sessions per database. Except for the mode, the
// size and the authentication, it has its default settings.
func (d *DB) Pooler(t testing.TB, mode string, size int) string {
	t.Helper()
	needs.Programs(t, "pgbouncer")
	p, err := startPooler(serverURL(t), mode, size)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.stop()) })
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	u.Host = p.addr
	return u.String()
}

type pooler struct {
	addr string
	dir  string
	cmd  *osexec.Cmd
}

func startPooler(server, mode string, size int) (_ *pooler, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	p := &pooler{}
	if p.dir, err = os.MkdirTemp("", "ledgerboard-pgbouncer-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr = listener.Addr().String()
	port := listener.Addr().(*net.TCPAddr).Port
	password, _ := u.User.Password()
	file := func(name, content string) string {
		path := filepath.Join(p.dir, name)
		//nolint:gosec // PgBouncer runs as another user
		err = errors.Join(err, os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	users := file("users", fmt.Sprintf("%q %q\n", u.User.Username(), password))
	config := file("pgbouncer.ini", fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
logfile = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 2000
auth_type = scram-sha-256
auth_file = %s
auth_user = %s
`, u.Hostname(), u.Port(), port, filepath.Join(p.dir, "log"), mode, size, users, u.User.Username()))
	account, other := unprivileged()
	if other {
		err = errors.Join(err, os.Chown(p.dir, int(account.Uid), int(account.Gid)))
	}
	if err = errors.Join(err, listener.Close()); err != nil {
		return nil, err
	}
	p.cmd = osexec.Command("pgbouncer", "--quiet", config)
	p.cmd.Dir = "/"
	if other {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for until := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			return p, conn.Close()
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("wait for PgBouncer: %w", err)
		}
	}
}

// unprivileged returns the account for a program that refuses to run as root, if this is root.
func unprivileged() (account *syscall.Credential, other bool) {
	if os.Geteuid() != 0 {
		return nil, false
	}
	account = &syscall.Credential{Uid: 65534, Gid: 65534}
	if found, err := user.Lookup("postgres"); err == nil {
		uid, _ := strconv.ParseUint(found.Uid, 10, 32)
		gid, _ := strconv.ParseUint(found.Gid, 10, 32)
		account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return account, true
}

func (p *pooler) stop() error {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	return os.RemoveAll(p.dir)
}
