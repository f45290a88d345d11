package socket

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

const (
	network   = "unix"
	extension = ".sock"
)

// Listener is a socket of this process in a directory.
type Listener struct {
	*net.UnixListener

	dir, name, path string // the name is in dir; path is where the socket is
	closing         sync.Once
	closeErr        error
}

// Listen opens a socket in a directory, which is created if it is missing. Sockets there that have
// no process any more are removed.
func Listen(ctx context.Context, dir string) (*Listener, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	l := &Listener{dir: dir}
	for _, name := range names(dir) {
		removeIfDead(ctx, name)
	}
	for n := 1; l.name == "" || exists(l.name); n++ {
		l.name = filepath.Join(dir, strconv.Itoa(os.Getpid())+extension)
		if n > 1 { // a process in another container that shares the directory can have the same id
			l.name = filepath.Join(dir, fmt.Sprintf("%d-%d%s", os.Getpid(), n, extension))
		}
	}
	if l.path = l.name; len(l.path) >= len(syscall.RawSockaddrUnix{}.Path) {
		if l.path, err = runtimePath(); err != nil {
			return nil, fmt.Errorf("the path %s is too long for a socket: %w", l.name, err)
		}
	}
	if l.UnixListener, err = net.ListenUnix(network, &net.UnixAddr{Name: l.path, Net: network}); err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // another process may have the name by then
	err = os.Chmod(l.path, 0o600)
	if l.path != l.name {
		err = errors.Join(err, os.Symlink(l.path, l.name))
	}
	if err != nil {
		return nil, errors.Join(err, l.UnixListener.Close(), os.Remove(l.path))
	}
	return l, nil
}

// Close implements [net.Listener]. It removes the socket.
func (l *Listener) Close() error {
	l.closing.Do(func() {
		if unlock, err := lock(l.dir); err == nil { // without its directory, there is nothing to remove
			remove(l.name)
			unlock()
		}
		l.closeErr = l.UnixListener.Close()
	})
	return l.closeErr
}

func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of this user", dir)
	}
	return os.Chmod(dir, 0o700)
}

func runtimePath() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return "", errors.New("set XDG_RUNTIME_DIR, or choose a shorter data directory")
	}
	return filepath.Join(dir, "ledgerboard-"+rand.Text()[:12]+extension), nil
}

// lock waits until no other process changes the directory.
func lock(dir string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() {
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // a child between fork and exec has a copy
		file.Close()
	}, nil
}

// remove removes a socket and the link to it.
func remove(name string) {
	if path, err := os.Readlink(name); err == nil {
		_ = os.Remove(path)
	}
	_ = os.Remove(name)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
